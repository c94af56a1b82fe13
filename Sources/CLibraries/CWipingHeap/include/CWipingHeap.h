// SPDX-License-Identifier: Apache-2.0
// What is given back to the heap is overwritten first, whoever had it: a secret that passed through ordinary memory (the
// body of a request, a text while it was read, the buffer of a library) ends with its owner and not when that memory
// happens to be used again.
//
// A program that is linked with this has its own free, realloc and reallocarray, and the shared libraries that it uses find
// them before the C library's. The memory itself still comes from the C library and goes back there. Where another heap was
// loaded before that one (LD_PRELOAD), everything is handed on to it as it is, unwiped. Not for programs that are linked
// statically.
#pragma once

/// Whether what is given back is overwritten: it is this program's free that is found by name, and the memory is the C
/// library's. Not in a build with a sanitizer, which has a heap of its own.
int chamber_heap_is_wiped(void);
