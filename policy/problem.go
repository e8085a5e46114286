package policy

// Problem is one thing wrong in a file, or worth a look.
type Problem struct {
	Line, Column int    // from 1; columns count characters
	Source       string // the line's text, secrets masked
	Message      string // what is wrong, on what
	Hint         string // what to do, "" if the message says it
}

// Warning is a problem that does not keep the file from loading.
type Warning = Problem

// Problems is everything that keeps a file from loading, in file order. It is the error of Parse.
type Problems struct {
	File string
	List []Problem
}

// Error lists every problem with its line, a caret and a hint.
func (p *Problems) Error() string { return p.File }
