/*
 * Prints the path of every program that is executed in a root of its own, once each: executed ROOT. ROOT is the root of a
 * file system that holds nothing else; what runs in another root (a container, a chroot) on the same one is not printed.
 * Ends with SIGTERM, or where the kernel does not allow it: it needs CAP_SYS_ADMIN and fanotify's permission events.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

static char **seen;
static size_t count;

static int is_new(const char *path) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(seen[i], path) == 0) return 0;
  seen = realloc(seen, (count + 1) * sizeof *seen);
  if (seen == NULL || (seen[count++] = strdup(path)) == NULL) exit(1);
  return 1;
}

/* The process waits for our answer, so that it cannot be gone when it is looked at. */
static int is_inside(pid_t pid, const struct stat *root) {
  char link[64];
  struct stat its;
  snprintf(link, sizeof link, "/proc/%d/root/", (int)pid);
  return stat(link, &its) == 0 && its.st_dev == root->st_dev && its.st_ino == root->st_ino;
}

static void tell(int file) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return;
  path[length] = '\0';
  if (is_new(path)) puts(path);
}

int main(int argc, char **argv) {
  struct stat root;
  char events[16384] __attribute__((aligned(__alignof__(struct fanotify_event_metadata))));
  if (argc != 2 || stat(argv[1], &root) != 0) {
    fprintf(stderr, "usage: executed ROOT\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  int group = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_LARGEFILE | O_CLOEXEC);
  if (group < 0 ||
      fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC_PERM, AT_FDCWD, argv[1]) != 0) {
    perror("fanotify");
    return 1;
  }
  for (;;) {
    ssize_t length = read(group, events, sizeof events);
    if (length <= 0) return 1;
    struct fanotify_event_metadata *event = (void *)events;
    for (; FAN_EVENT_OK(event, length); event = FAN_EVENT_NEXT(event, length)) {
      if (event->fd < 0) continue;
      if (is_inside(event->pid, &root)) tell(event->fd);
      struct fanotify_response answer = {.fd = event->fd, .response = FAN_ALLOW};
      if (write(group, &answer, sizeof answer) < 0) return 1;
      close(event->fd);
    }
  }
}
