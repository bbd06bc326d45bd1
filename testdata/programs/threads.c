// threads K M T: K threads call callee M times each, then stay alive until T
// milliseconds have passed since the start; the program ends with the last.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static unsigned long calls;
static struct timespec deadline;

__attribute__((noinline)) void callee(volatile unsigned long *count) { (*count)++; }

static void *work(void *unused)
{
	volatile unsigned long count = 0;

	for (unsigned long i = 0; i < calls; i++)
		callee(&count);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL) != 0)
		;
	return unused;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: threads K M T\n");
		return 2;
	}
	unsigned long k = strtoul(argv[1], NULL, 0), ms = strtoul(argv[3], NULL, 0);
	pthread_t *threads = calloc(k ? k : 1, sizeof *threads);

	calls = strtoul(argv[2], NULL, 0);
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += ms / 1000;
	deadline.tv_nsec += ms % 1000 * 1000000;
	if (deadline.tv_nsec >= 1000000000) {
		deadline.tv_sec++;
		deadline.tv_nsec -= 1000000000;
	}
	for (unsigned long i = 0; i < k; i++) {
		if (!threads || pthread_create(&threads[i], NULL, work, NULL) != 0) {
			perror("threads: start a thread");
			return 1;
		}
	}
	for (unsigned long i = 0; i < k; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	return 0;
}
