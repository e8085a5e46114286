package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strconv"
	"strings"
)

// description is file.go as data: its structs by name.
type description struct{ structs map[string]structure }

// root is the struct of the whole file.
const root = "fileEntry"

type structure struct {
	doc    string
	fields []field
}

// field is one key of policies.yaml.
type field struct {
	key, doc string
	holder   string // list, table, or "" for one value
	kind     string // a leaf of values.go, or the name of a struct
	tag      reflect.StructTag
}

func (f field) words(tag string) []string { return strings.Fields(f.tag.Get(tag)) }

func readDescription(path string) (*description, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	d := &description{structs: map[string]structure{}}
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		spec := gen.Specs[0].(*ast.TypeSpec)
		fields, err := d.readFields(spec)
		if err != nil {
			return nil, err
		}
		d.structs[spec.Name.Name] = structure{doc: sentence(gen.Doc), fields: fields}
	}
	if _, ok := d.structs[root]; !ok {
		return nil, fmt.Errorf("%s has no struct %s", path, root)
	}
	return d, nil
}

// readFields reads the fields of a struct. Those of an embedded struct, which stands above it in the file, are its own.
func (d *description) readFields(spec *ast.TypeSpec) ([]field, error) {
	var fields []field
	for _, f := range spec.Type.(*ast.StructType).Fields.List {
		if f.Tag == nil {
			if len(f.Names) == 0 {
				fields = append(fields, d.structs[f.Type.(*ast.Ident).Name].fields...)
			}
			continue
		}
		raw, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			return nil, err
		}
		out := field{tag: reflect.StructTag(raw), doc: sentence(f.Doc)}
		out.key = out.tag.Get("key")
		switch t := f.Type.(type) {
		case *ast.Ident:
			out.kind = t.Name
		case *ast.StarExpr:
			out.kind = t.X.(*ast.Ident).Name
		case *ast.IndexExpr:
			out.holder, out.kind = t.X.(*ast.Ident).Name, t.Index.(*ast.Ident).Name
		default:
			return nil, fmt.Errorf("%s.%s has a type that schemagen does not know", spec.Name.Name, out.key)
		}
		if out.key == "" || out.doc == "" {
			return nil, fmt.Errorf("a field of %s has no key or no comment", spec.Name.Name)
		}
		fields = append(fields, out)
	}
	return fields, nil
}

// sentence joins the lines of a comment.
func sentence(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }
