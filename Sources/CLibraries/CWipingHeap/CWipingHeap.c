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
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// The C library's own, under the names that it keeps for programs that replace the usual ones.
extern void *__libc_malloc(size_t size);
extern void __libc_free(void *memory);

// Whose memory is handed out: the C library's, unless a heap was loaded before it (LD_PRELOAD). What such a heap handed out
// goes back to it, as it is: nothing is known of its blocks. (Volatile: the linker decides, not the compiler.)
static void *(*const volatile chosen)(size_t) = malloc;
static void *(*const volatile own)(size_t) = __libc_malloc;

static int is_own(void) { return chosen == own; }

static void *others(const char *name, _Atomic(void *) *place) {
    void *found = atomic_load_explicit(place, memory_order_relaxed);
    if (!found) {
        found = dlsym(RTLD_NEXT, name);
        if (!found) abort();
        atomic_store_explicit(place, found, memory_order_relaxed);
    }
    return found;
}

static _Atomic(void *) others_free, others_realloc;

// By a mark in its second word the C library knows a block that it holds already, when it is freed once more. Such a block is
// not wiped, so that the mark stays and the program ends there. One random number for the whole process.
static uintptr_t held;

__attribute__((constructor)) static void learn_mark(void) {
    if (!is_own()) return;
    volatile uintptr_t *block = __libc_malloc(40);
    if (!block) return;
    __libc_free((void *)block);
    held = block[1];
}

static void wipe_and_free(void *memory) {
    size_t size = malloc_usable_size(memory);
    uintptr_t mark = 0;
    if (size >= 2 * sizeof mark) memcpy(&mark, (char *)memory + sizeof mark, sizeof mark);
    // The compiler knows free and may take what is written before it for superfluous; this free it does not know.
    if (!held || mark != held) memset(memory, 0, size);
    __libc_free(memory);
}

void free(void *memory) {
    if (!memory) return;
    if (is_own()) return wipe_and_free(memory);
    ((void (*)(void *))others("free", &others_free))(memory);
}

// Beyond this what grows gets half as much again: otherwise something that grows in small steps would be copied whole for each.
static const size_t large = 65536;

static void *moved_to(size_t size) {
    void *moved = size >= large && size <= SIZE_MAX / 2 ? __libc_malloc(size + size / 2) : NULL;
    return moved ? moved : __libc_malloc(size);
}

// The C library would give the old place back by itself where it moves what grows: here everything that does not fit moves,
// and the old place is wiped. What shrinks keeps its place, unless more than half of it would be left over.
void *realloc(void *memory, size_t size) {
    if (!is_own()) return ((void *(*)(void *, size_t))others("realloc", &others_realloc))(memory, size);
    if (!memory) return __libc_malloc(size);
    if (size == 0) {
        wipe_and_free(memory);
        return NULL;
    }
    size_t before = malloc_usable_size(memory);
    if (size <= before && size >= before / 2) return memory;
    void *moved = size > before ? moved_to(size) : __libc_malloc(size);
    if (!moved) return size <= before ? memory : NULL;
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
int chamber_heap_is_wiped(void) { return is_own() && dlsym(RTLD_DEFAULT, "free") == (void *)(uintptr_t)free; }

#endif
