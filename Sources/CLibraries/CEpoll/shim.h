// SPDX-License-Identifier: Apache-2.0
// epoll is not part of Swift's Glibc module; its event is a packed struct with a union.
#pragma once
#include <stdint.h>
#include <sys/epoll.h>

/// Watches a descriptor for bytes to read; events name it by `number`.
static inline int chamber_epoll_add(int poller, int descriptor, uint32_t number) {
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = number}};
    return epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event);
}

/// The numbers of descriptors that have something to read, 64 at most; how many, 0 after `timeout` milliseconds.
static inline int chamber_epoll_wait(int poller, uint32_t numbers[64], int timeout) {
    struct epoll_event events[64];
    int count = epoll_wait(poller, events, 64, timeout);
    for (int i = 0; i < count; i++) numbers[i] = events[i].data.u32;
    return count;
}
