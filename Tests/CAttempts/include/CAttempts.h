// SPDX-License-Identifier: Apache-2.0
// What a sandbox has to refuse and what it has to let pass, each tried once. Most of it cannot be called from Swift.
#pragma once

/// 0 where it worked, the error number where it was refused, -1 for a name that is not known. Some attempts end the
/// process. `argument` is a path or a number, where the attempt needs one.
int chamber_attempt(const char *name, const char *argument);

/// Runs a program as on a kernel without seccomp and without Landlock: both, and nothing else, are answered with ENOSYS
/// from now on. Comes back only where that did not work.
int chamber_run_deprived(const char *program, char *const *arguments);
