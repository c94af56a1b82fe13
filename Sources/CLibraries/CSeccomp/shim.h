// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <errno.h>
#include <seccomp.h>

/// SCMP_ACT_ERRNO is a macro with an argument.
static inline uint32_t chamber_scmp_refuse(int code) { return SCMP_ACT_ERRNO(code); }
