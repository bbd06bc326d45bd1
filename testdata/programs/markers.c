// markers has static markers, one with a semaphore: it calculates, and hits
// markers:step for each of N steps with the number, a text, a byte that is
// negative and the address of a counter, where the semaphore says that somebody
// listens; and markers:end once.
#define _SDT_HAS_SEMAPHORES 1
#include <stdio.h>
#include <stdlib.h>
#include <sys/sdt.h>

__extension__ unsigned short markers_step_semaphore __attribute__((unused)) __attribute__((section(".probes"))) __attribute__((visibility("hidden")));
__extension__ unsigned short markers_end_semaphore __attribute__((unused)) __attribute__((section(".probes"))) __attribute__((visibility("hidden")));

static const char *texts[] = {"even", "odd"};

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 3, heard = 0;
	for (int i = 0; i < n; i++) {
		if (markers_step_semaphore) {
			heard++;
			DTRACE_PROBE4(markers, step, i, texts[i % 2], (signed char)-i, &heard);
		}
	}
	DTRACE_PROBE2(markers, end, n, 4711L);
	printf("%d steps, %d heard\n", n, heard);
	return 0;
}
