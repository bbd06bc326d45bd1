package symbolize

// FileOffset is a position in a file, in bytes from its start.
type FileOffset uint64

// VirtAddr is an address as an ELF file states it (st_value, p_vaddr), before
// a loader adds where it placed the file.
type VirtAddr uint64

// RuntimeAddr is an address in a running kernel, as /proc/kallsyms and kernel
// samples give it.
type RuntimeAddr uint64
