/* Preloaded into a training: the time of day runs backwards, an hour a second. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define BACKWARDS 3600
#define SECOND 1000000000LL

static long long real(clockid_t clock) {
    struct timespec now;
    syscall(SYS_clock_gettime, clock, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

static long long time_of_day(void) {
    static long long origin;
    if (!origin) origin = atoll(getenv("CLOCK_ORIGIN")) * SECOND;
    return origin - BACKWARDS * (real(CLOCK_REALTIME) - origin);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    long long shown = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ? time_of_day() : real(clock);
    time->tv_sec = shown / SECOND;
    time->tv_nsec = shown % SECOND;
    return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    time->tv_sec = time_of_day() / SECOND;
    time->tv_usec = time_of_day() % SECOND / 1000;
    return 0;
}

time_t time(time_t *place) {
    time_t shown = time_of_day() / SECOND;
    if (place) *place = shown;
    return shown;
}
