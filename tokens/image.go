package tokens

import (
	"math"
	"strings"
)

// Image returns how many prompt tokens an image of width x height pixels is to a model, as its provider documents it, or more.
// Detail is OpenAI's low, high, auto, original or "". Auto counts as high: what the model makes of it is not known beforehand.
// A size that is not positive counts as ImageMax.
func Image(f Family, model string, width, height int, detail string) int64 {
	if width <= 0 || height <= 0 {
		return ImageMax(f, model, detail)
	}
	// No format holds sides above 2^32; clamping keeps the products within float64 and int64.
	w, h := float64(min(width, math.MaxUint32)), float64(min(height, math.MaxUint32))
	switch f {
	case O200k, GPT5, Codex, CL100k, Harmony:
		return openAIImageOf(model).tokens(w, h, detail)
	case Claude:
		return claudeTokens(w, h, 1568, 1568)
	case Claude47:
		return claudeTokens(w, h, 2576, 4784)
	case Gemini:
		return geminiTokens(model, w, h)
	case Grok: // 448-pixel tiles of 256 tokens, at most six, and one of the whole
		return 256 + 256*min(6, int64(math.Ceil(w/448)*math.Ceil(h/448)))
	}
	// The open vision models take patches of 14 to 16 pixels, some merge four, and most scale down to about 1024 pixels.
	return patchTokens(w, h, 16, 1024, unknownImage)
}

// unknownImage is the cap for models whose arithmetic is not published: 1024x1024 pixels in patches of 16, and a row end for each.
const unknownImage = 4096 + 64

// ImageMax returns the most that any one image can be, to hold money for an image whose size is not known.
func ImageMax(f Family, model, detail string) int64 {
	switch f {
	case O200k, GPT5, Codex, CL100k, Harmony:
		return openAIImageOf(model).most(detail)
	case Claude:
		return 1568
	case Claude47:
		return 4784
	case Gemini:
		return geminiTokens(model, 3072, 384) // a long strip takes the most tiles
	case Grok:
		return 256 + 256*6
	}
	return unknownImage
}

// openAIImage is how a model of OpenAI's counts images: by tiles of 512 pixels after scaling, by patches of 32 pixels, or, if it is
// not published which, by whichever is more.
type openAIImage struct {
	model      string // beginning of the model's name
	base, tile int64  // tokens once and per tile; 0 if it has no tiles
	multiplier int64  // tokens per patch, in hundredths; 0 if it has no patches
}

// openAIImages are in the order to try: gpt-4o-mini before gpt-4o. Minor versions from gpt-5.1 on have been billed a fifth above
// the number of patches.
var openAIImages = [...]openAIImage{
	{model: "gpt-4o-mini", base: 2833, tile: 5667},
	{model: "gpt-4.1-mini", multiplier: 162},
	{model: "gpt-4.1-nano", multiplier: 246},
	{model: "gpt-5-mini", multiplier: 162},
	{model: "gpt-5-nano", multiplier: 246},
	{model: "o4-mini", multiplier: 172},
	{model: "codex-mini", multiplier: 172},
	{model: "gpt-5.", base: 70, tile: 140, multiplier: 120},
	{model: "gpt-5", base: 70, tile: 140},
	{model: "o1", base: 75, tile: 150},
	{model: "o3", base: 75, tile: 150},
}

// openAIImageOf returns the arithmetic of a model; that of gpt-4o, gpt-4.1 and gpt-4-turbo if its name is not in the list.
func openAIImageOf(model string) openAIImage {
	name := strings.ToLower(model[strings.LastIndexByte(model, '/')+1:])
	name = strings.TrimPrefix(name, "ft:")
	for _, m := range openAIImages {
		if strings.HasPrefix(name, m.model) {
			return m
		}
	}
	return openAIImage{model: "gpt-4o", base: 85, tile: 170}
}

const (
	patchCap         = 1536  // patches an image is scaled down to
	originalPatchCap = 10000 // with detail original
)

func (m openAIImage) tokens(w, h float64, detail string) int64 {
	patches := min(math.Ceil(w/32)*math.Ceil(h/32), patchesAllowed(detail))
	if detail == "low" {
		return max(m.patches(patches), m.base)
	}
	w, h = fit(w, h, 2048)
	if short := min(w, h); short > 768 {
		w, h = w*768/short, h*768/short
	}
	return max(m.patches(patches), m.base+m.tile*int64(math.Ceil(w/512)*math.Ceil(h/512)))
}

func (m openAIImage) most(detail string) int64 {
	tiles := m.base
	if detail != "low" {
		tiles += m.tile * 8 // 768x2048 pixels
	}
	return max(m.patches(patchesAllowed(detail)), tiles)
}

// patches turns a number of patches into tokens. An image that has to be scaled down counts as the whole cap: the documented
// arithmetic gives some patches less, but the cap is what has been seen billed.
func (m openAIImage) patches(n float64) int64 { return (int64(n)*m.multiplier + 99) / 100 }

func patchesAllowed(detail string) float64 {
	if detail == "original" {
		return originalPatchCap
	}
	return patchCap
}

// claudeTokens counts one token per patch of 28 pixels a side. An image beyond the model's bounds is scaled down to the largest size of its shape that is
// within both: the longest side, and the most patches.
func claudeTokens(w, h float64, longest, most int64) int64 {
	const patch = 28
	long, short := max(w, h), min(w, h)
	patches := func(long float64) int64 {
		return int64(math.Ceil(long/patch)) * int64(math.Ceil(max(1, math.Round(long*short/max(w, h)))/patch))
	}
	if long <= float64(longest) && patches(long) <= most {
		return patches(long)
	}
	fits, tooLong := int64(1), min(int64(long), longest+1)
	for fits+1 < tooLong {
		if middle := (fits + tooLong) / 2; patches(float64(middle)) <= most {
			fits = middle
		} else {
			tooLong = middle
		}
	}
	return patches(float64(fits))
}

// patchTokens counts one token per patch of so many pixels a side, after fitting the image into a square of longest pixels.
func patchTokens(w, h, patch, longest float64, most int64) int64 {
	w, h = fit(w, h, longest)
	return min(most, int64(math.Ceil(w/patch)*math.Ceil(h/patch)))
}

// fit scales an image down, keeping its shape, until no side is longer than longest.
func fit(w, h, longest float64) (float64, float64) {
	if long := max(w, h); long > longest {
		return max(1, w*longest/long), max(1, h*longest/long)
	}
	return w, h
}

// geminiTokens counts 258 tokens for a small image, else for each tile; tiles are two thirds of the shorter side, within 256 and 768
// pixels. Gemini 3 spends a fixed budget per image, whose default is 1120.
func geminiTokens(model string, w, h float64) int64 {
	const each, newer = 258, 1120
	n := int64(each)
	if w > 384 || h > 384 {
		w, h = fit(w, h, 3072)
		tile := min(768, max(256, math.Floor(min(w, h)/1.5)))
		n = each * int64(math.Ceil(w/tile)*math.Ceil(h/tile))
	}
	if strings.Contains(model, "gemini-3") {
		return newer
	}
	return n
}
