package report

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseKeys(t *testing.T) {
	tests := []struct {
		list string
		want []Key
	}{
		{"comm", []Key{KeyComm}},
		{"comm,dso,symbol", []Key{KeyComm, KeyDSO, KeySymbol}},
		{"sym", []Key{KeySymbol}}, // perf takes the beginning of a key
		{"c", []Key{KeyComm}},     // and of several the first in its list
		{"COMM SYM", []Key{KeyComm, KeySymbol}},
		{"pid,tid,tgid,cpu,trace", []Key{KeyThread, KeyTID, KeyTGID, KeyCPU, KeyTrace}},
		{"overhead,overhead_sys,sample,period", []Key{KeyOverhead, KeyOverheadSys, KeySample, KeyPeriod}},
		{"dso,dso", []Key{KeyDSO}},
	}
	for _, tt := range tests {
		got, err := ParseKeys("sort", tt.list)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%q: %v, %v; want %v", tt.list, got, err, tt.want)
		}
	}
}

func TestUnknownKeys(t *testing.T) {
	tests := []struct {
		list  string
		known bool
		near  []string
		text  string
	}{
		{"foo", false, nil, "Unknown --sort key: `foo'"},
		{"simbol", false, []string{"symbol"}, "did you mean `symbol'?"},
		{"comm,com_", false, []string{"comm"}, "`com_'"},
		{"srcline", true, nil, "not supported yet"},
		{"parent", true, nil, "sort by key(s): overhead overhead_sys"},
		{"", false, nil, "Unknown --sort key: `'"},
		{strings.Repeat("x", 5000), false, nil, "Unknown"},
	}
	for _, tt := range tests {
		_, err := ParseKeys("sort", tt.list)
		var ke *KeyError
		if !errors.As(err, &ke) {
			t.Errorf("%.20q: error %v", tt.list, err)
			continue
		}
		if ke.Known != tt.known || !slices.Equal(ke.Near, tt.near) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%.20q: %+v: %v", tt.list, ke, err)
		}
	}
	if _, err := ParseKeys("fields", "foo"); !strings.Contains(err.Error(), "output field(s)") {
		t.Errorf("an unknown field: %v", err)
	}
}

func TestLayout(t *testing.T) {
	const (
		c  = KeyOverheadChildren
		o  = KeyOverhead
		s  = KeySymbol
		co = KeyComm
		n  = KeySample
	)
	keys := func(ks ...Key) []Key { return ks }
	tests := []struct {
		name         string
		children     bool
		sort, fields []Key
		v            ValueColumns
		wantFields   []Key
		wantSort     []Key
	}{
		{"nothing said", false, nil, nil, ValueColumns{}, keys(o, co), keys(o, co)},
		{"children", true, nil, nil, ValueColumns{}, keys(c, o, co), keys(c, o, co)},
		{"sort", false, keys(s), nil, ValueColumns{}, keys(o, s), keys(o, s)},
		{"sort names the overhead", false, keys(s, o), nil, ValueColumns{}, keys(o, s), keys(s, o)},
		{"fields decide the order", true, nil, keys(co, o), ValueColumns{}, keys(co, o), keys(co, o)},
		{"sort goes before fields", false, keys(s), keys(co, o), ValueColumns{}, keys(co, o, s), keys(s, co, o)},
		{"values", false, keys(s), nil, ValueColumns{Samples: true, Period: true, CPUModes: true},
			keys(o, KeyOverheadSys, KeyOverheadUs, n, KeyPeriod, s), keys(o, s)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spec := &Spec{Children: tt.children}
			spec.Layout(tt.sort, tt.fields, keys(co), tt.v)
			if !slices.Equal(spec.Fields, tt.wantFields) || !slices.Equal(spec.Sort, tt.wantSort) {
				t.Errorf("fields %v, sort %v; want %v, %v", spec.Fields, spec.Sort, tt.wantFields, tt.wantSort)
			}
		})
	}
}

func TestCallOptions(t *testing.T) {
	tests := []struct {
		in   string
		want CallOptions
		ok   bool
	}{
		{"", CallOptions{Mode: CallsGraph, MinPercent: 0.5}, true},
		{"caller", CallOptions{Mode: CallsGraph, MinPercent: 0.5, Callers: true, OrderSet: true}, true},
		{"fractal,2", CallOptions{Mode: CallsFractal, MinPercent: 2}, true},
		{"flat,0.1,7,callee,address,count", CallOptions{Mode: CallsFlat, MinPercent: 0.1, Limit: 7, OrderSet: true, ByAddress: true, Value: CallCount}, true},
		{"fold,0,period", CallOptions{Mode: CallsFolded, Value: CallPeriod}, true},
		{"none", CallOptions{MinPercent: 0.5}, true},
		{"graph,x", CallOptions{}, false},
		{"1,2,3", CallOptions{}, false},
		{"-1", CallOptions{}, false},
		{"NaN", CallOptions{}, false},
		{"perf.data", CallOptions{}, false},
	}
	for _, tt := range tests {
		o := DefaultCallOptions()
		err := o.Parse(tt.in)
		if (err == nil) != tt.ok || tt.ok && o != tt.want {
			t.Errorf("%q: %+v, %v; want %+v", tt.in, o, err, tt.want)
		}
		if IsCallWord(tt.in) != (tt.ok && tt.in != "") {
			t.Errorf("%q: call word %v", tt.in, IsCallWord(tt.in))
		}
	}
}
