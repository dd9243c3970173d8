/*
 * PID 1 of the node: runs every program in the directory argv[1], starts it again when it ends, reaps orphans.
 * A program that keeps ending is started after a pause that doubles from 0.2 s to 5 s; ten quiet seconds reset it.
 * The end of this process is the end of the node: the kernel kills everything in its PID namespace.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_SERVICES 32
#define FIRST_PAUSE_MS 200
#define LONGEST_PAUSE_MS 5000
#define QUIET_MS 10000

struct service {
	char path[512];
	pid_t pid;
	long started_ms;
	long due_ms;
	long pause_ms;
};

static struct service services[MAX_SERVICES];
static int count;

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000L + t.tv_nsec / 1000000L;
}

static void find_services(const char *directory)
{
	struct dirent **entries;
	int n = scandir(directory, &entries, NULL, alphasort);
	if (n < 0) {
		perror(directory);
		exit(1);
	}
	for (int i = 0; i < n; i++) {
		if (entries[i]->d_name[0] == '.' || count == MAX_SERVICES)
			continue;
		struct service *s = &services[count++];
		snprintf(s->path, sizeof s->path, "%s/%s", directory, entries[i]->d_name);
		s->pause_ms = FIRST_PAUSE_MS;
	}
}

static void start(struct service *s)
{
	s->started_ms = now_ms();
	s->pid = fork();
	if (s->pid == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		setsid();
		execl(s->path, s->path, (char *)NULL);
		_exit(127);
	}
	if (s->pid < 0) {
		s->pid = 0;
		s->due_ms = now_ms() + LONGEST_PAUSE_MS;
	}
}

static void ended(pid_t pid)
{
	for (int i = 0; i < count; i++) {
		struct service *s = &services[i];
		if (s->pid != pid)
			continue;
		long now = now_ms();
		if (now - s->started_ms > QUIET_MS)
			s->pause_ms = FIRST_PAUSE_MS;
		s->pid = 0;
		s->due_ms = now + s->pause_ms;
		s->pause_ms = s->pause_ms * 2 > LONGEST_PAUSE_MS ? LONGEST_PAUSE_MS : s->pause_ms * 2;
		return;
	}
}

/* Starts what is due and returns the milliseconds until the next is. */
static long start_due(void)
{
	long next = 3600000;
	for (int i = 0; i < count; i++) {
		struct service *s = &services[i];
		long wait = s->due_ms - now_ms();
		if (s->pid != 0)
			continue;
		if (wait <= 0)
			start(s);
		else if (wait < next)
			next = wait;
	}
	return next;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	/* Blocked before anything starts, so that no end of a child is missed between waitpid and the wait below. */
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	find_services(argv[1]);
	for (;;) {
		pid_t pid;
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			ended(pid);
		long wait = start_due();
		struct timespec pause = { wait / 1000, (wait % 1000) * 1000000L };
		sigtimedwait(&child, NULL, &pause);
	}
}
