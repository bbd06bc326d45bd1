package symbolize

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
)

// maxVDSO bounds the image; known ones have two to four pages.
const maxVDSO = 1 << 20

// readVDSO copies the vDSO of this process, which the kernel maps into every
// process of the same word size alike.
func readVDSO() ([]byte, error) {
	start, end, err := findVDSO()
	if err != nil {
		return nil, err
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		return nil, fmt.Errorf("read vDSO: %w", err)
	}
	defer mem.Close()
	image := make([]byte, end-start)
	if _, err := mem.ReadAt(image, int64(start)); err != nil {
		return nil, fmt.Errorf("read vDSO: %w", err)
	}
	return image, nil
}

func findVDSO() (start, end uint64, err error) {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return 0, 0, fmt.Errorf("find vDSO: %w", err)
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if !strings.HasSuffix(lines.Text(), " "+VDSOPath) {
			continue
		}
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x ", &start, &end); err != nil {
			return 0, 0, fmt.Errorf("find vDSO in %q: %w", lines.Text(), err)
		}
		if end <= start || end-start > maxVDSO {
			return 0, 0, fmt.Errorf("find vDSO in %q: not a size to read", lines.Text())
		}
		return start, end, nil
	}
	return 0, 0, errors.New("find vDSO: the kernel maps none (vdso=0?)")
}
