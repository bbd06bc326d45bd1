package probe

import (
	"fmt"
	"path/filepath"
	"strings"

	"gorecord/perfevent"
	"gorecord/perfevent/tracefs"
	"gorecord/symbolize"
)

// OfCommand is temporary
func OfCommand(group, name, path string) (tracefs.Probe, error) {
	abs, err := filepath.Abs(path)
	if err != nil || path == "" {
		return tracefs.Probe{}, fmt.Errorf("no such event")
	}
	m, err := symbolize.OpenModule(abs)
	if err != nil {
		return tracefs.Probe{}, err
	}
	defer m.Close()
	fn, ret := strings.CutSuffix(name, "__return")
	s := m.Find(fn)
	if len(s) == 0 {
		return tracefs.Probe{}, fmt.Errorf("no such function")
	}
	off, _ := m.FileOffset(s[0].Addr)
	return tracefs.Probe{Kind: tracefs.Uprobe, Return: ret, Path: abs, Offset: perfevent.FileOffset(off), Name: name}, nil
}
