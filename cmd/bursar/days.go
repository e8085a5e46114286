package main

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// days is a flag's duration in whole days, written 400d.
type days time.Duration

// String returns it as it is written.
func (d *days) String() string {
	if *d == 0 {
		return ""
	}
	return strconv.FormatInt(int64(time.Duration(*d)/(24*time.Hour)), 10) + "d"
}

// Set reads it.
func (d *days) Set(text string) error {
	number, ok := strings.CutSuffix(text, "d")
	n, err := strconv.ParseUint(number, 10, 16)
	if !ok || err != nil {
		return errors.New("write it in days, as 400d")
	}
	*d = days(time.Duration(n) * 24 * time.Hour)
	return nil
}
