package opusframe

// The distributions of RFC 6716 section 4.2.7 for wideband, in 256ths.

// stereoWeights are of both weights that predict the side channel: section 4.2.7.1.
var stereoWeights = pdf(
	7, 2, 1, 1, 1, 10, 24, 8, 1, 1, 3, 23, 92, 23, 3, 1,
	1, 8, 24, 10, 1, 1, 1, 2, 7,
)

var uniform3 = pdf(85, 86, 85)

var uniform4 = pdf(64, 64, 64, 64)

var uniform5 = pdf(51, 51, 52, 51, 51)

var uniform8 = pdf(32, 32, 32, 32, 32, 32, 32, 32)

// midOnly: section 4.2.7.2.
var midOnly = pdf(192, 64)

// frameType, inactive and active: section 4.2.7.3.
var frameType = []*model{
	pdf(26, 230),
	pdf(24, 74, 148, 10),
}

// gainMSB, by signal type: section 4.2.7.4.
var gainMSB = []*model{
	pdf(32, 112, 68, 29, 12, 1, 1, 1),
	pdf(2, 17, 45, 60, 62, 47, 19, 4),
	pdf(1, 3, 26, 71, 94, 50, 9, 2),
}

var gainDelta = pdf(
	6, 5, 11, 31, 132, 21, 8, 4, 3, 2, 2, 2, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1,
)

// lsfStage1, not voiced and voiced: section 4.2.7.5.1.
var lsfStage1 = []*model{
	pdf(
		31, 21, 3, 17, 1, 8, 17, 4, 1, 18, 16, 4, 2, 3, 1, 10,
		1, 3, 16, 11, 16, 2, 2, 3, 2, 11, 1, 4, 9, 8, 7, 3,
	),
	pdf(
		1, 4, 16, 5, 18, 11, 5, 14, 15, 1, 3, 12, 13, 14, 14, 6,
		14, 12, 2, 6, 1, 12, 12, 11, 10, 3, 10, 5, 1, 1, 1, 3,
	),
}

// lsfStage2, codebooks i to p: section 4.2.7.5.2.
var lsfStage2 = []*model{
	pdf(1, 1, 1, 9, 232, 9, 1, 1, 1),
	pdf(1, 1, 2, 28, 186, 35, 1, 1, 1),
	pdf(1, 1, 3, 42, 152, 53, 2, 1, 1),
	pdf(1, 1, 10, 49, 126, 65, 2, 1, 1),
	pdf(1, 4, 19, 48, 100, 77, 5, 1, 1),
	pdf(1, 1, 14, 54, 100, 72, 12, 1, 1),
	pdf(1, 1, 15, 61, 87, 61, 25, 4, 1),
	pdf(1, 7, 21, 50, 77, 81, 17, 1, 1),
}

// lsfCodebooks says which codebook each coefficient uses, by the index of stage 1.
var lsfCodebooks = [32]string{
	"iiiiiiiiiiiiiiii", "klllllkkkkkjjjil",
	"knnlpmmnknmnnmll", "ikjkkjjjjjiiiiij",
	"ionmompnmmmnnmml", "ilnnmllnllllllkm",
	"iiiiiiiiiiiiiiii", "ikolpknlmnnmllkl",
	"iokoomnmonmmnlll", "kjiiiiiiiiiiiiii",
	"ijiiiiiiiiiiiiij", "kklmnlllllllkkjl",
	"kkllmllllllllkjl", "lmmmommnlnmmnmlm",
	"iomnmpnkonpmmlnl", "ijijjjjjjjiiiiji",
	"jonpnmnlmnmmmllm", "jllmmllnkllnnnlm",
	"kllkkklkjkjkjjjm", "iklnllkkkjjiiiii",
	"lmlnllkkjjjjjkkm", "kolppmnmnlnllkll",
	"klnoolnlmmllllkm", "jllmmmmlnnnljjjj",
	"knloompmmnlmmlll", "iojjiiiiiiiiiiii",
	"ioolnknnlmmppmmm", "llplnmlllkklllkl",
	"iijiiikjkjjkkkjj", "ilknllklkjiijiij",
	"lnnmpnllklkkjiji", "klnlmlllkjkomiii",
}

var lsfExtension = pdf(156, 60, 24, 9, 4, 2, 1)

// lsfInterpolation: section 4.2.7.5.5.
var lsfInterpolation = pdf(13, 22, 29, 11, 181)

// lagHigh: section 4.2.7.6.1.
var lagHigh = pdf(
	3, 3, 6, 11, 21, 30, 32, 19, 11, 10, 12, 13, 13, 12, 11, 9,
	8, 7, 6, 4, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1,
)

// contour, of 10 and 20 ms.
var contour = []*model{
	pdf(91, 46, 39, 19, 14, 12, 8, 7, 6, 5, 5, 4),
	pdf(
		33, 22, 18, 16, 15, 14, 14, 13, 13, 10, 9, 9, 8, 6, 6, 6,
		5, 4, 4, 4, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 1, 1,
		1, 1,
	),
}

// periodicity: section 4.2.7.6.2.
var periodicity = pdf(77, 80, 99)

// ltpFilter, by periodicity.
var ltpFilter = []*model{
	pdf(185, 15, 13, 13, 9, 9, 6, 6),
	pdf(57, 34, 21, 20, 15, 13, 12, 13, 10, 10, 9, 10, 9, 8, 7, 8),
	pdf(
		15, 16, 14, 12, 12, 12, 11, 11, 11, 10, 9, 9, 9, 9, 8, 8,
		8, 8, 7, 7, 6, 6, 5, 4, 5, 4, 4, 4, 3, 4, 3, 2,
	),
}

// ltpScale: section 4.2.7.6.3.
var ltpScale = pdf(128, 64, 64)

// rateLevel, not voiced and voiced: section 4.2.7.8.1.
var rateLevel = []*model{
	pdf(15, 51, 12, 46, 45, 13, 33, 27, 14),
	pdf(33, 30, 36, 17, 34, 49, 18, 21, 18),
}

// pulseCount, by rate level: section 4.2.7.8.2. The last two are for blocks with low
// bits that come apart, and for those with ten of them.
var pulseCount = []*model{
	pdf(
		131, 74, 25, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1,
	),
	pdf(
		58, 93, 60, 23, 7, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1,
	),
	pdf(
		43, 51, 46, 33, 24, 16, 11, 8, 6, 3, 3, 3, 2, 1, 1, 2,
		1, 2,
	),
	pdf(
		17, 52, 71, 57, 31, 12, 5, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1,
	),
	pdf(
		6, 21, 41, 53, 49, 35, 21, 11, 6, 3, 2, 2, 1, 1, 1, 1,
		1, 1,
	),
	pdf(
		7, 14, 22, 28, 29, 28, 25, 20, 17, 13, 11, 9, 7, 5, 4, 4,
		3, 10,
	),
	pdf(
		2, 5, 14, 29, 42, 46, 41, 31, 19, 11, 6, 3, 2, 1, 1, 1,
		1, 1,
	),
	pdf(
		1, 2, 4, 10, 19, 29, 35, 37, 34, 28, 20, 14, 8, 5, 4, 2,
		2, 2,
	),
	pdf(
		1, 2, 2, 5, 9, 14, 20, 24, 27, 28, 26, 23, 20, 15, 11, 8,
		6, 15,
	),
	pdf(
		1, 1, 1, 6, 27, 58, 56, 39, 25, 14, 10, 6, 3, 3, 2, 1,
		1, 2,
	),
	pdf(2, 1, 6, 27, 58, 56, 39, 25, 14, 10, 6, 3, 3, 2, 1, 1, 2),
}

// split16: how many of 1 to 16 pulses in 16 samples are in the first half: section 4.2.7.8.3.
var split16 = []*model{
	nil,
	pdf(126, 130),
	pdf(56, 142, 58),
	pdf(25, 101, 104, 26),
	pdf(12, 60, 108, 64, 12),
	pdf(7, 35, 84, 87, 37, 6),
	pdf(4, 20, 59, 86, 63, 21, 3),
	pdf(3, 12, 38, 72, 75, 42, 12, 2),
	pdf(2, 8, 25, 54, 73, 59, 27, 7, 1),
	pdf(2, 5, 17, 39, 63, 65, 42, 18, 4, 1),
	pdf(1, 4, 12, 28, 49, 63, 54, 30, 11, 3, 1),
	pdf(1, 4, 8, 20, 37, 55, 57, 41, 22, 8, 2, 1),
	pdf(1, 3, 7, 15, 28, 44, 53, 48, 33, 16, 6, 1, 1),
	pdf(1, 2, 6, 12, 21, 35, 47, 48, 40, 25, 12, 5, 1, 1),
	pdf(1, 1, 4, 10, 17, 27, 37, 47, 43, 33, 21, 9, 4, 1, 1),
	pdf(1, 1, 1, 8, 14, 22, 33, 40, 43, 38, 28, 16, 8, 1, 1, 1),
	pdf(1, 1, 1, 1, 13, 18, 27, 36, 41, 41, 34, 24, 14, 1, 1, 1, 1),
}

// split8: how many of 1 to 16 pulses in 8 samples are in the first half: section 4.2.7.8.3.
var split8 = []*model{
	nil,
	pdf(127, 129),
	pdf(53, 149, 54),
	pdf(22, 105, 106, 23),
	pdf(11, 61, 111, 63, 10),
	pdf(6, 35, 86, 88, 36, 5),
	pdf(4, 20, 59, 87, 62, 21, 3),
	pdf(3, 13, 40, 71, 73, 41, 13, 2),
	pdf(3, 9, 27, 53, 70, 56, 28, 9, 1),
	pdf(3, 8, 19, 37, 57, 61, 44, 20, 6, 1),
	pdf(3, 7, 15, 28, 44, 54, 49, 33, 17, 5, 1),
	pdf(1, 7, 13, 22, 34, 46, 48, 38, 28, 14, 4, 1),
	pdf(1, 1, 11, 22, 27, 35, 42, 47, 33, 25, 10, 1, 1),
	pdf(1, 1, 6, 14, 26, 37, 43, 43, 37, 26, 14, 6, 1, 1),
	pdf(1, 1, 4, 10, 20, 31, 40, 42, 40, 31, 20, 10, 4, 1, 1),
	pdf(1, 1, 3, 8, 16, 26, 35, 38, 38, 35, 26, 16, 8, 3, 1, 1),
	pdf(1, 1, 2, 6, 12, 21, 30, 36, 38, 36, 30, 21, 12, 6, 2, 1, 1),
}

// split4: how many of 1 to 16 pulses in 4 samples are in the first half: section 4.2.7.8.3.
var split4 = []*model{
	nil,
	pdf(127, 129),
	pdf(49, 157, 50),
	pdf(20, 107, 109, 20),
	pdf(11, 60, 113, 62, 10),
	pdf(7, 36, 84, 87, 36, 6),
	pdf(6, 24, 57, 82, 60, 23, 4),
	pdf(5, 18, 39, 64, 68, 42, 16, 4),
	pdf(6, 14, 29, 47, 61, 52, 30, 14, 3),
	pdf(1, 15, 23, 35, 51, 50, 40, 30, 10, 1),
	pdf(1, 1, 21, 32, 42, 52, 46, 41, 18, 1, 1),
	pdf(1, 6, 16, 27, 36, 42, 42, 36, 27, 16, 6, 1),
	pdf(1, 5, 12, 21, 31, 38, 40, 38, 31, 21, 12, 5, 1),
	pdf(1, 3, 9, 17, 26, 34, 38, 38, 34, 26, 17, 9, 3, 1),
	pdf(1, 3, 7, 14, 22, 29, 34, 36, 34, 29, 22, 14, 7, 3, 1),
	pdf(1, 2, 5, 11, 18, 25, 31, 35, 35, 31, 25, 18, 11, 5, 2, 1),
	pdf(1, 1, 4, 9, 15, 21, 28, 32, 34, 32, 28, 21, 15, 9, 4, 1, 1),
}

// split2: how many of 1 to 16 pulses in 2 samples are in the first half: section 4.2.7.8.3.
var split2 = []*model{
	nil,
	pdf(128, 128),
	pdf(42, 172, 42),
	pdf(21, 107, 107, 21),
	pdf(12, 60, 112, 61, 11),
	pdf(8, 34, 86, 86, 35, 7),
	pdf(8, 23, 55, 90, 55, 20, 5),
	pdf(5, 15, 38, 72, 72, 36, 15, 3),
	pdf(6, 12, 27, 52, 77, 47, 20, 10, 5),
	pdf(6, 19, 28, 35, 40, 40, 35, 28, 19, 6),
	pdf(4, 14, 22, 31, 37, 40, 37, 31, 22, 14, 4),
	pdf(3, 10, 18, 26, 33, 38, 38, 33, 26, 18, 10, 3),
	pdf(2, 8, 13, 21, 29, 36, 38, 36, 29, 21, 13, 8, 2),
	pdf(1, 5, 10, 17, 25, 32, 38, 38, 32, 25, 17, 10, 5, 1),
	pdf(1, 4, 7, 13, 21, 29, 35, 36, 35, 29, 21, 13, 7, 4, 1),
	pdf(1, 2, 5, 10, 17, 25, 32, 36, 36, 32, 25, 17, 10, 5, 2, 1),
	pdf(1, 2, 4, 7, 13, 21, 28, 34, 36, 34, 28, 21, 13, 7, 4, 2, 1),
}

// lowBit: section 4.2.7.8.4.
var lowBit = pdf(136, 120)

// sign is the chance that a pulse is negative, by signal type and quantisation
// offset, and by how many pulses the block has: section 4.2.7.8.5.
var sign = [6][7]uint8{
	{2, 207, 189, 179, 174, 163, 157},
	{58, 245, 238, 232, 225, 220, 211},
	{1, 210, 190, 178, 169, 162, 152},
	{48, 242, 235, 224, 214, 205, 190},
	{1, 162, 152, 147, 144, 141, 138},
	{8, 203, 187, 176, 168, 161, 154},
}
