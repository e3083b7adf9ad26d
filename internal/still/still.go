// Package still writes H.264 pictures that repeat the one before (ISO/IEC
// 14496-10), for as long as nothing moves: an encoder takes nearly as long to
// find out that a picture is the same as it takes for one that isn't.
//
// A repetition is a P picture of which every macroblock is skipped (P_Skip): with
// no motion anywhere and no residual it is a copy of its reference, exactly, and a
// few tens of bytes at any size.
package still

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/Eyevinn/mp4ff/bits"
)

// ErrUnsupported says that a stream uses something of H.264 for which no
// repetitions can be written. What it is, is in the text.
var ErrUnsupported = errors.New("can't be repeated")

const (
	nalRepetition = 1<<5 | byte(avc.NALU_NON_IDR) // a reference, but not an IDR picture
	sliceP        = 5                             // slice_type: P, as all slices of the picture
	maxQP         = 51
	maxPicture    = 139264 // macroblocks, at level 6.2 (table A-1)
)

// Repeater writes what comes after a key frame of one stream. It is not safe for
// concurrent use.
type Repeater struct {
	rawSPS, rawPPS []byte
	sps            *avc.SPS
	pps            *avc.PPS
	macroblocks    int
	cabac          []byte // slice data, if it is coded by CABAC

	key   []byte
	first uint32 // pic_order_cnt_lsb of key
	after uint   // repetitions since it

	out  bytes.Buffer // the newest repetition
	bits *bits.EBSPWriter
}

// New returns a Repeater for a stream with one set of each kind of parameters,
// NAL units without start code or length. The error is [ErrUnsupported].
func New(sps, pps [][]byte) (*Repeater, error) {
	if len(sps) != 1 || len(pps) != 1 {
		return nil, fmt.Errorf("%w: %d SPS and %d PPS", ErrUnsupported, len(sps), len(pps))
	}
	r := &Repeater{rawSPS: sps[0], rawPPS: pps[0]}
	r.bits = bits.NewEBSPWriter(&r.out) // it adds what prevents the emulation of start codes
	var err error
	if r.sps, err = avc.ParseSPSNALUnit(sps[0], true); err != nil {
		return nil, fmt.Errorf("%w: SPS: %w", ErrUnsupported, err)
	}
	if r.pps, err = avc.ParsePPSNALUnit(pps[0], r.spsMap()); err != nil {
		return nil, fmt.Errorf("%w: PPS: %w", ErrUnsupported, err)
	}
	if what := r.unsupported(); what != "" {
		return nil, fmt.Errorf("%w: %s", ErrUnsupported, what)
	}
	wide, high := uint64(r.sps.Width+15)/16, uint64(r.sps.Height+15)/16
	if wide > maxPicture || high > maxPicture || wide*high > maxPicture {
		return nil, fmt.Errorf("%w: %d x %d macroblocks", ErrUnsupported, wide, high)
	}
	r.macroblocks = int(wide * high)
	if r.pps.EntropyCodingModeFlag {
		r.cabac = skipAll(r.macroblocks)
	}
	return r, nil
}

// unsupported names what a picture needs besides a slice, or what slices need
// besides what header writes.
func (r *Repeater) unsupported() string {
	s, p := r.sps, r.pps
	cropped := max(s.FrameCropLeftOffset+s.FrameCropRightOffset, s.FrameCropTopOffset+s.FrameCropBottomOffset)
	switch {
	case !s.FrameMbsOnlyFlag:
		return "fields"
	case s.ChromaFormatIDC != 1 || s.BitDepthLumaMinus8 != 0 || s.BitDepthChromaMinus8 != 0:
		return "a format other than 8 bits, 4:2:0"
	case s.PicOrderCntType == 1:
		return "pic_order_cnt_type 1"
	case s.NumRefFrames == 0:
		return "no reference frames"
	case s.CpbDpbDelaysPresent() || s.PicStructPresent():
		return "picture timing SEI"
	case cropped*2 >= 16:
		return "whole macroblocks cropped"
	case p.SeqParameterSetID != s.ParameterID:
		return "a PPS of another SPS"
	case p.NumSliceGroupsMinus1 != 0:
		return "slice groups"
	case p.BottomFieldPicOrderInFramePresentFlag || p.RedundantPicCntPresentFlag:
		return "bottom field order or redundant pictures"
	}
	return ""
}

func (r *Repeater) spsMap() map[uint32]*avc.SPS {
	return map[uint32]*avc.SPS{r.sps.ParameterID: r.sps}
}

func (r *Repeater) ppsMap() map[uint32]*avc.PPS {
	return map[uint32]*avc.PPS{r.pps.PicParameterSetID: r.pps}
}

// Begin copies the key frame after which repetitions come: an access unit as
// length-prefixed NAL units. The error is [ErrUnsupported].
func (r *Repeater) Begin(key []byte) error {
	r.key, r.after = r.key[:0], 0
	for rest := key; len(rest) > 0; {
		nalu, more, ok := cut(rest)
		if !ok {
			return fmt.Errorf("%w: NAL units end early", ErrUnsupported)
		}
		if err := r.take(nalu); err != nil {
			return err
		}
		rest = more
	}
	if r.after == 0 {
		return fmt.Errorf("%w: no slice", ErrUnsupported)
	}
	r.key, r.after = append(r.key, key...), 0
	return nil
}

// cut cuts off the first NAL unit, which may not be empty.
func cut(sample []byte) (nalu, rest []byte, ok bool) {
	if len(sample) < 4 {
		return nil, nil, false
	}
	size, rest := uint64(binary.BigEndian.Uint32(sample)), sample[4:]
	if size == 0 || size > uint64(len(rest)) {
		return nil, nil, false
	}
	return rest[:size], rest[size:], true
}

// take looks at a NAL unit of a key frame, and counts slices.
func (r *Repeater) take(nalu []byte) error {
	switch kind := avc.GetNaluType(nalu[0]); {
	case kind == avc.NALU_SPS && !bytes.Equal(nalu, r.rawSPS), kind == avc.NALU_PPS && !bytes.Equal(nalu, r.rawPPS):
		return fmt.Errorf("%w: other parameter sets", ErrUnsupported)
	case kind > avc.NALU_IDR: // no slice
		return nil
	case kind != avc.NALU_IDR:
		return fmt.Errorf("%w: %s in a key frame", ErrUnsupported, kind)
	}
	h, err := avc.ParseSliceHeader(nalu, r.spsMap(), r.ppsMap())
	switch {
	case err != nil:
		return fmt.Errorf("%w: slice: %w", ErrUnsupported, err)
	case h.LongTermReferenceFlag || h.FrameNum != 0:
		return fmt.Errorf("%w: a long-term reference", ErrUnsupported)
	}
	r.first = h.PicOrderCntLsb
	r.after++
	return nil
}

// Key returns the key frame once more, until Begin. Two must not be next to each
// other: they have the same idr_pic_id (section 7.4.3).
func (r *Repeater) Key() []byte {
	r.after = 0
	return r.key
}

// Next returns the picture that comes next and repeats the one before: an access
// unit of one length-prefixed NAL unit, which is valid until the next call.
func (r *Repeater) Next() []byte {
	r.after++
	r.out.Reset()
	r.out.Write([]byte{0, 0, 0, 0, nalRepetition})
	w := r.bits // the last one ended with a whole byte that is not zero, so there is nothing left in it
	r.header(w)
	if r.cabac == nil {
		w.WriteExpGolomb(uint(r.macroblocks)) // mb_skip_run
		w.WriteRbspTrailingBits()
	} else {
		for w.NrBitsInBuffer() > 0 {
			w.Write(1, 1) // cabac_alignment_one_bit
		}
		for _, b := range r.cabac {
			w.Write(uint(b), 8)
		}
	}
	sample := r.out.Bytes()
	binary.BigEndian.PutUint32(sample, uint32(len(sample)-4))
	return sample
}

// header writes a slice header (section 7.3.3). The quantiser means nothing to
// skipped macroblocks but where CABAC begins: at the largest it expects skips most.
func (r *Repeater) header(w *bits.EBSPWriter) {
	s, p := r.sps, r.pps
	w.WriteExpGolomb(0) // first_mb_in_slice
	w.WriteExpGolomb(sliceP)
	w.WriteExpGolomb(uint(p.PicParameterSetID))
	w.Write(r.after, int(s.Log2MaxFrameNumMinus4+4)) // frame_num, modulo its size
	if s.PicOrderCntType == 0 {
		w.Write(uint(r.first)+2*r.after, int(s.Log2MaxPicOrderCntLsbMinus4+4))
	}
	w.Write(1, 1)       // num_ref_idx_active_override_flag:
	w.WriteExpGolomb(0) // one reference, as there may be no more
	w.Write(0, 1)       // ref_pic_list_modification_flag_l0
	if p.WeightedPredFlag {
		w.WriteExpGolomb(0) // luma_log2_weight_denom
		w.WriteExpGolomb(0) // chroma_log2_weight_denom
		w.Write(0, 2)       // luma_weight_l0_flag, chroma_weight_l0_flag
	}
	w.Write(0, 1) // adaptive_ref_pic_marking_mode_flag
	if p.EntropyCodingModeFlag {
		w.WriteExpGolomb(0) // cabac_init_idc
	}
	writeSigned(w, maxQP-26-p.PicInitQpMinus26) // slice_qp_delta
	if p.DeblockingFilterControlPresentFlag {
		w.WriteExpGolomb(1) // disable_deblocking_filter_idc; there is nothing to filter anyway
	}
}

// writeSigned writes se(v) (section 9.1.1).
func writeSigned(w *bits.EBSPWriter, v int) {
	if v > 0 {
		w.WriteExpGolomb(uint(2*v - 1))
	} else {
		w.WriteExpGolomb(uint(-2 * v))
	}
}
