// SPDX-License-Identifier: Apache-2.0
// libFuzzer has no header. This is its interface for programs with a main of their own (LLVM, "Using libFuzzer as a
// library"); the linker finds it with -sanitize=fuzzer.
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argument_count, char ***arguments, int (*run)(const uint8_t *bytes, size_t count));
