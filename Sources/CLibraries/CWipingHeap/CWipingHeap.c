// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CWipingHeap.h"

#if !defined(__has_feature)
#define __has_feature(feature) 0
#endif

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)

int chamber_heap_is_wiped(void) { return 0; }

#else

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// The C library's own, under the names that it keeps for programs that replace the usual ones.
extern void *__libc_malloc(size_t size);
extern void __libc_free(void *memory);

// The compiler knows free and may take what is written before it for superfluous; this it does not know.
static void wipe_and_free(void *memory) {
    memset(memory, 0, malloc_usable_size(memory));
    __libc_free(memory);
}

void free(void *memory) {
    if (memory) wipe_and_free(memory);
}

// The C library would give the old place back by itself where it moves what grows: here everything that does not fit moves,
// and the old place is wiped. What shrinks keeps its place, unless more than half of it would be left over.
void *realloc(void *memory, size_t size) {
    if (!memory) return __libc_malloc(size);
    if (size == 0) {
        wipe_and_free(memory);
        return NULL;
    }
    size_t before = malloc_usable_size(memory);
    if (size <= before && size >= before / 2) return memory;
    void *moved = __libc_malloc(size);
    if (!moved) return NULL;
    memcpy(moved, memory, size < before ? size : before);
    wipe_and_free(memory);
    return moved;
}

void *reallocarray(void *memory, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(memory, bytes);
}

// By name, as libraries find it.
int chamber_heap_is_wiped(void) { return dlsym(RTLD_DEFAULT, "free") == (void *)(uintptr_t)free; }

#endif
