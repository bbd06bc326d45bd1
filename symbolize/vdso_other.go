//go:build !linux

package symbolize

import "errors"

func readVDSO() ([]byte, error) {
	return nil, errors.New("read vDSO: only Linux has one")
}
