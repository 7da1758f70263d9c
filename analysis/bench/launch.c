// Runs a command and writes what it used to a file: exit status, wall, user and system seconds, largest resident set in
// KiB. A program of its own because Linux counts the memory of the process that forks in the child's largest resident
// set, and Python's would hide that of a small program.
//
//   launch RESULT COMMAND [ARGUMENT…]
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double of(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec * 1e-6; }

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: launch RESULT COMMAND [ARGUMENT...]\n");
        return 2;
    }
    double start = seconds();
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    int status = 0;
    struct rusage used;
    if (child < 0 || wait4(child, &status, 0, &used) < 0) {
        perror("launch");
        return 2;
    }
    double wall = seconds() - start;
    FILE *result = fopen(argv[1], "w");
    if (!result) {
        perror(argv[1]);
        return 2;
    }
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    fprintf(result, "%d %.6f %.6f %.6f %ld\n", code, wall, of(used.ru_utime), of(used.ru_stime), used.ru_maxrss);
    fclose(result);
    return 0;
}
