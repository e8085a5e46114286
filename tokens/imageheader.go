package tokens

import (
	"bytes"
	"encoding/binary"
)

// ImageSize reads an image's width and height in pixels from its first bytes: PNG, JPEG, GIF or WebP. Some 64 bytes are enough but for
// JPEG, whose metadata comes first and may take many kilobytes. Not ok means that the header is none of these, is broken, or
// goes on past what was given.
func ImageSize(header []byte) (width, height int, ok bool) {
	switch {
	case bytes.HasPrefix(header, []byte("\x89PNG\r\n\x1a\n")):
		width, height = pngSize(header)
	case bytes.HasPrefix(header, []byte("\xff\xd8")):
		width, height = jpegSize(header)
	case bytes.HasPrefix(header, []byte("GIF87a")), bytes.HasPrefix(header, []byte("GIF89a")):
		width, height = gifSize(header)
	case len(header) >= 30 && string(header[:4]) == "RIFF" && string(header[8:12]) == "WEBP":
		width, height = webpSize(header)
	}
	return width, height, width > 0 && height > 0
}

func pngSize(b []byte) (int, int) {
	if len(b) < 24 || string(b[12:16]) != "IHDR" {
		return 0, 0
	}
	return int(binary.BigEndian.Uint32(b[16:])), int(binary.BigEndian.Uint32(b[20:]))
}

func gifSize(b []byte) (int, int) {
	if len(b) < 10 {
		return 0, 0
	}
	return int(binary.LittleEndian.Uint16(b[6:])), int(binary.LittleEndian.Uint16(b[8:]))
}

// jpegSize walks the segments up to the start of a frame, which holds the size.
func jpegSize(b []byte) (int, int) {
	for i := 2; i+4 <= len(b); {
		if b[i] != 0xff {
			return 0, 0
		}
		marker := b[i+1]
		switch {
		case marker == 0xff: // filling
			i++
			continue
		case marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8): // without a length
			i += 2
			continue
		case marker == 0xda || marker == 0xd9: // the picture itself, or its end
			return 0, 0
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc:
			if i+9 > len(b) {
				return 0, 0
			}
			return int(binary.BigEndian.Uint16(b[i+7:])), int(binary.BigEndian.Uint16(b[i+5:]))
		}
		size := int(binary.BigEndian.Uint16(b[i+2:]))
		if size < 2 {
			return 0, 0
		}
		i += 2 + size
	}
	return 0, 0
}

// webpSize reads the three kinds of first chunk: lossy, lossless, extended.
func webpSize(b []byte) (int, int) {
	switch string(b[12:16]) {
	case "VP8 ":
		if string(b[23:26]) != "\x9d\x01\x2a" {
			return 0, 0
		}
		return int(binary.LittleEndian.Uint16(b[26:]) & 0x3fff), int(binary.LittleEndian.Uint16(b[28:]) & 0x3fff)
	case "VP8L":
		if b[20] != 0x2f {
			return 0, 0
		}
		packed := binary.LittleEndian.Uint32(b[21:])
		return int(packed&0x3fff) + 1, int(packed>>14&0x3fff) + 1
	case "VP8X":
		return int(b[24]) | int(b[25])<<8 | int(b[26])<<16 + 1, int(b[27]) | int(b[28])<<8 | int(b[29])<<16 + 1
	}
	return 0, 0
}
