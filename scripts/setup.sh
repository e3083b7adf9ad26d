#!/usr/bin/env bash
# Installs the system packages that building callreel needs and that this
# machine lacks; with --tests also what its tests call, with --bench the
# recorders that a bench compares with. Says what and why first. Where nothing is
# missing it does nothing, and quickly.
#
# What is there is found by use (a tool in PATH, a library known to
# pkg-config), not by package name, so a hand-built FFmpeg counts too.
set -euo pipefail

browsers=(chromium chromium-browser google-chrome google-chrome-stable)
missing=()

say() { printf 'setup: %s\n' "$*" >&2; }

# need PACKAGE WHY PROBE...: PACKAGE is missing where the command PROBE fails.
need() {
	"${@:3}" >/dev/null 2>&1 && return
	missing+=("$1")
	say "$1 is missing: $2"
}

probe_build() {
	local cc
	read -ra cc < <("${GO:-go}" env CC)
	need gcc "cgo calls the codec libraries" command -v "${cc[0]}"
	need libc6-dev "cgo needs the C headers" "${cc[@]}" -E -include stdlib.h -x c /dev/null
	need pkg-config "cgo asks it where the libraries are" command -v pkg-config
	need libopus-dev "decodes Opus" pkg-config --exists opus
	need libavcodec-dev "decodes video, encodes H.264 and AAC" pkg-config --exists 'libavcodec >= 59.37'
	need libavutil-dev "the pictures and samples of libavcodec" pkg-config --exists libavutil
	need libswscale-dev "scales and converts pictures" pkg-config --exists libswscale
	need libyuv-dev "shrinks pictures" "${cc[@]}" -E -include libyuv.h -x c /dev/null # it has no pkg-config file
}

probe_tests() {
	need ffmpeg "the tests decode what callreel wrote" command -v ffmpeg
	if ! have_browser && may_install chromium; then
		missing+=(chromium)
		say "chromium is missing: the browser tests join calls with it"
	fi
	if may_install nodejs; then # one that is too old lets its tests be skipped
		need nodejs "tests drive the server with Azure's JavaScript SDKs" command -v node
		need npm "it fetches them" command -v npm
	fi
	if ((EUID == 0)) && may_install nftables; then # only root can make networks
		need iproute2 "a test makes a network" command -v ip
		need nftables "it loses packets" command -v nft
	fi
}

# have_browser runs each candidate: Ubuntu's chromium-browser is a stub that
# fails as long as the snap behind it is not installed.
have_browser() {
	local b
	for b in "${browsers[@]}"; do
		"$b" --version >/dev/null 2>&1 && return
	done
	return 1
}

probe_bench() {
	need ffmpeg "a bench makes calls with it, and it is a peer" command -v ffmpeg
	need xvfb "a browser is filmed in it" command -v Xvfb
	need gstreamer1.0-tools "GStreamer is a peer" command -v gst-launch-1.0
	local plugin element
	for plugin in base:compositor good:matroskademux bad:h264parse ugly:x264enc; do
		element=${plugin#*:} plugin=${plugin%:*}
		need "gstreamer1.0-plugins-$plugin" "it has $element" gst-inspect-1.0 --exists "$element"
	done
	need gstreamer1.0-libav "it has avenc_aac" gst-inspect-1.0 --exists avenc_aac
	if ! have_browser && may_install chromium; then
		missing+=(chromium)
		say "chromium is missing: it is filmed"
	fi
}

# may_install reports whether apt has a real package of that name, or has no
# lists yet by which to tell.
may_install() {
	command -v apt-get >/dev/null || return
	have_lists || return 0
	local candidate
	candidate=$(LC_ALL=C apt-cache policy "$1" | sed -n 's/^ *Candidate: //p')
	[[ -n $candidate && $candidate != '(none)' && $candidate != *snap* ]]
}

have_lists() { compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; }

as_root() {
	if ((EUID == 0)); then
		"$@"
	else
		sudo "$@"
	fi
}

update() { as_root apt-get update -q >&2; }

# install_missing updates apt's lists first: old ones have old versions, or such
# that are gone. Where that fails it goes on with what there is.
install_missing() {
	local apt=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends) wanted=() p
	update || say "the lists of packages can't be updated"
	for p in "${missing[@]}"; do
		[[ $p == chromium ]] && ! may_install "$p" && continue
		wanted+=("$p")
	done
	((${#wanted[@]})) || return 0
	say "installing with apt-get: ${wanted[*]}"
	as_root "${apt[@]}" "${wanted[@]}" >&2
}

hints() {
	say "there is no way to install packages here (apt-get, as root or with sudo). Elsewhere:"
	say "  Debian, Ubuntu  apt-get install gcc libc6-dev pkg-config libopus-dev libavcodec-dev libavutil-dev libswscale-dev libyuv-dev"
	say "  Fedora          dnf install gcc pkgconf-pkg-config opus-devel libyuv-devel ffmpeg-devel   (ffmpeg-devel: RPM Fusion, with x264)"
	say "  macOS           brew install pkgconf opus ffmpeg libyuv"
	say "  for the tests   ffmpeg, Node.js 20 or newer with npm, and chromium or Google Chrome; as root also iproute2 and nftables"
}

probe() {
	missing=()
	probe_build
	case ${1-} in
	--tests) probe_tests ;;
	--bench) probe_bench ;;
	esac
}

if ! command -v "${GO:-go}" >/dev/null; then
	say "Go is not in PATH (sudo resets PATH): see https://go.dev/doc/install"
	exit 1
fi

probe "$@"
if ((${#missing[@]})); then
	if ! command -v apt-get >/dev/null || { ((EUID != 0)) && ! command -v sudo >/dev/null; }; then
		hints
		exit 1
	fi
	install_missing
	probe "$@"
	if ((${#missing[@]})); then
		say "still missing after the installation: ${missing[*]}"
		exit 1
	fi
fi
if [[ ${1-} == --tests ]] && ! have_browser; then
	say "no browser (${browsers[*]}), and no package of one: the browser tests will be skipped"
fi
