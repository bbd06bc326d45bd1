// late does what it is told, line by line: "own" calls a function of its own,
// "load PATH" loads a library, "call" calls that one's latefunc, "fork" makes a
// child that calls both and waits for it. Each line is answered by one.
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int (*latefunc)(int);

int lateown(int n)
{
	return n + 1;
}

static int child(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(lateown(1) + latefunc(1));
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

int main(void)
{
	char line[4096];

	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (strncmp(line, "load ", 5) == 0) {
			void *library = dlopen(line + 5, RTLD_NOW);

			latefunc = library ? dlsym(library, "latefunc") : NULL;
			puts(latefunc ? "loaded" : dlerror());
		} else if (strcmp(line, "own") == 0) {
			printf("%d\n", lateown(1));
		} else if (strcmp(line, "call") == 0 && latefunc) {
			printf("%d\n", latefunc(1));
		} else if (strcmp(line, "fork") == 0 && latefunc) {
			printf("%d\n", child());
		} else {
			puts("what?");
		}
		fflush(stdout);
	}
	return 0;
}
