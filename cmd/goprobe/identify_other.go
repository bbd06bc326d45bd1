//go:build !linux

package main

import "errors"

// identify needs Linux's /proc.
func identify(string) (fileID, error) { return fileID{}, errors.ErrUnsupported }
