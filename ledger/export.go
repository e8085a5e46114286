package ledger

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"bursar/pricing"
)

// An export has every column of every row, by name and in the ledger's own units (nanoseconds, nano-dollars), one row a line, and reads
// back as the same rows. The column at, the start of the request as people write it, is for the eye and is not read.
//
// Bytes that are no printable UTF-8 are written \xNN and a backslash is doubled, so that any text survives; so is the first character
// of a text that a spreadsheet would run as a formula.

// ExportFormats are the forms of an export: JSON lines, or CSV with a header.
func ExportFormats() []string { return []string{"jsonl", "csv"} }

const atColumn = "at"

// Exporter writes rows. Rows and Spend say what it has written.
type Exporter struct {
	Rows  int64
	Spend pricing.Nano

	lines *bufio.Writer // jsonl
	table *csv.Writer   // csv
	cells []string
}

// NewExporter begins an export.
func NewExporter(out io.Writer, format string) (*Exporter, error) {
	switch format {
	case "jsonl":
		return &Exporter{lines: bufio.NewWriterSize(out, 64<<10)}, nil
	case "csv":
		e := &Exporter{table: csv.NewWriter(out)}
		return e, e.table.Write(append([]string{atColumn}, exportColumns()...))
	}
	return nil, fmt.Errorf("ledger: an export is of %s, not %q", strings.Join(ExportFormats(), " or "), format)
}

func exportColumns() []string { return slices.Concat(textColumns[:], numberColumns[:]) }

// Write writes a row.
func (e *Exporter) Write(r *Row) error {
	e.Rows++
	e.Spend += r.Cost
	at := time.Unix(0, r.Time).UTC().Format(time.RFC3339Nano)
	stream := r.streamNumber()
	if e.table != nil {
		e.cells = append(e.cells[:0], at)
		for _, text := range r.texts() {
			e.cells = append(e.cells, escapeText(*text))
		}
		for _, n := range r.numbers(&stream) {
			e.cells = append(e.cells, strconv.FormatInt(*n, 10))
		}
		return e.table.Write(e.cells)
	}
	line := append(e.lines.AvailableBuffer(), `{"at":"`+at+`"`...)
	for i, text := range r.texts() {
		value, err := json.Marshal(escapeText(*text))
		if err != nil {
			return err
		}
		line = append(append(line, `,"`+textColumns[i]+`":`...), value...)
	}
	for i, n := range r.numbers(&stream) {
		line = strconv.AppendInt(append(line, `,"`+numberColumns[i]+`":`...), *n, 10)
	}
	_, err := e.lines.Write(append(line, "}\n"...))
	return err
}

// Close writes what is left.
func (e *Exporter) Close() error {
	if e.table != nil {
		e.table.Flush()
		return e.table.Error()
	}
	return e.lines.Flush()
}

// ReadExport reads an export of either form, which it tells by its first byte. An error ends it.
func ReadExport(in io.Reader) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		buffered := bufio.NewReaderSize(in, 64<<10)
		first, err := buffered.Peek(1)
		switch {
		case errors.Is(err, io.EOF): // an export of no rows
		case err != nil:
			yield(nil, err)
		case first[0] == '{':
			readLines(buffered, yield)
		default:
			readTable(buffered, yield)
		}
	}
}

func readLines(in io.Reader, yield func(*Row, error) bool) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 4<<20)
	number := 0
	for lines.Scan() {
		number++
		var values map[string]any
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.UseNumber()
		err := d.Decode(&values)
		row := new(Row)
		if err == nil {
			err = row.take(values)
		}
		if err != nil {
			yield(nil, fmt.Errorf("ledger: line %d of an export: %w", number, err))
			return
		}
		if !yield(row, nil) {
			return
		}
	}
	if err := lines.Err(); err != nil {
		yield(nil, fmt.Errorf("ledger: line %d of an export: %w", number+1, err))
	}
}

func readTable(in io.Reader, yield func(*Row, error) bool) {
	table := csv.NewReader(in)
	header, err := table.Read()
	if err != nil {
		yield(nil, fmt.Errorf("ledger: header of an export: %w", err))
		return
	}
	for number := 2; ; number++ {
		cells, err := table.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		row := new(Row)
		if err == nil {
			values := make(map[string]any, len(header))
			for i, column := range header {
				values[column] = cells[i]
			}
			err = row.take(values)
		}
		if err != nil {
			yield(nil, fmt.Errorf("ledger: row %d of an export: %w", number, err))
			return
		}
		if !yield(row, nil) {
			return
		}
	}
}

// laterColumns came after the first exports, which lack them.
var laterColumns = []string{"facts"}

// take takes the values of a row by their columns. All must be there, and none that is unknown: what is dropped here would be lost.
func (r *Row) take(values map[string]any) (err error) {
	for i, text := range r.texts() {
		if _, there := values[textColumns[i]]; !there && slices.Contains(laterColumns, textColumns[i]) {
			continue
		}
		value, ok := values[textColumns[i]].(string)
		if !ok {
			return fmt.Errorf("column %q is missing or no text", textColumns[i])
		}
		if *text, err = unescapeText(value); err != nil {
			return fmt.Errorf("column %q: %w", textColumns[i], err)
		}
	}
	var stream int64
	for i, n := range r.numbers(&stream) {
		if *n, err = strconv.ParseInt(fmt.Sprint(values[numberColumns[i]]), 10, 64); err != nil {
			return fmt.Errorf("column %q is missing or no number of 64 bits", numberColumns[i])
		}
	}
	r.Stream = stream != 0
	for column := range values {
		if column != atColumn && !knownColumns[column] {
			return fmt.Errorf("column %q is unknown to this version of Bursar: use the one that wrote it", column)
		}
	}
	return nil
}

var knownColumns = func() map[string]bool {
	all := map[string]bool{}
	for _, column := range exportColumns() {
		all[column] = true
	}
	return all
}()

// escapeText writes a text so that any form, and a spreadsheet, keeps it.
func escapeText(text string) string {
	plain := !strings.ContainsFunc(text, func(r rune) bool { return r == '\\' || r == utf8.RuneError || !unicode.IsPrint(r) })
	if plain && (text == "" || !strings.ContainsRune("=+-@", rune(text[0]))) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '\\':
			out.WriteString(`\\`)
		case i == 0 && strings.ContainsRune("=+-@", r), r == utf8.RuneError && size == 1, !unicode.IsPrint(r):
			for _, b := range []byte(text[i : i+size]) {
				fmt.Fprintf(&out, `\x%02x`, b)
			}
		default:
			out.WriteString(text[i : i+size])
		}
		i += size
	}
	return out.String()
}

func unescapeText(text string) (string, error) {
	if !strings.Contains(text, `\`) {
		return text, nil
	}
	var out strings.Builder
	for rest := text; ; {
		before, after, found := strings.Cut(rest, `\`)
		out.WriteString(before)
		switch {
		case !found:
			return out.String(), nil
		case strings.HasPrefix(after, `\`):
			out.WriteByte('\\')
			rest = after[1:]
		case len(after) >= 3 && after[0] == 'x':
			b, err := strconv.ParseUint(after[1:3], 16, 8)
			if err != nil {
				return "", fmt.Errorf("%q is no escaped byte", `\`+after[:3])
			}
			out.WriteByte(byte(b))
			rest = after[3:]
		default:
			return "", errors.New("a backslash escapes nothing; write it twice")
		}
	}
}
