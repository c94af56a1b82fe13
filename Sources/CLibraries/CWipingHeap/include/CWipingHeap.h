// SPDX-License-Identifier: Apache-2.0
// What is given back to the heap is overwritten first, whoever had it: a secret that passed through ordinary memory (the
// body of a request, a text while it was read, the buffer of a library) ends with its owner and not when that memory
// happens to be used again.
//
// A program that is linked with this has its own free, realloc and reallocarray; the shared libraries it uses take them
// too, as the C library intends ("Replacing malloc"). The memory itself still comes from the C library and goes back there.
#pragma once

/// Whether it is this program's free that everybody calls. Not in a build with a sanitizer, which has a heap of its own.
int chamber_heap_is_wiped(void);
