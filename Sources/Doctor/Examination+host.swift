// SPDX-License-Identifier: Apache-2.0
internal import Configuration

// MARK: Memory

extension Examination {
    var memory: [Finding] {
        let whyLock = "memory that is not locked can be written to the swap"
        let needed: UInt64 = 8 << 20
        var findings: [Finding] = []
        switch facts.lockedMemoryLimit {
        case UInt64.max?: findings.append(.ok("memory lock", "no limit: everything is locked", why: whyLock))
        case let limit? where limit >= needed:
            let isSafe = facts.hasSwap == false
            let what = "\(limit >> 10) kB: keys are locked, the rest is not"
            findings.append(
                isSafe
                    ? .ok("memory lock", what + ", and there is no swap", why: whyLock)
                    : .warn(
                        "memory lock",
                        what,
                        why: whyLock,
                        fix: "LimitMEMLOCK=infinity in the unit, --ulimit memlock=-1 for a container"
                    )
            )
        case let limit?:
            findings.append(
                .bad(
                    "memory lock",
                    "only \(limit >> 10) kB: not even the keys may fit",
                    why: whyLock,
                    fix: "LimitMEMLOCK=infinity in the unit, --ulimit memlock=-1 for a container"
                )
            )
        case nil: findings.append(Self.unseen("memory lock", whyLock))
        }
        findings.append(
            facts.hasSecretMemory
                ? .ok(
                    "secret memory",
                    "memfd_secret: not even the kernel maps the keys",
                    why: "other processes and the kernel do not read it"
                )
                : .warn(
                    "secret memory",
                    "this kernel has no memfd_secret",
                    why: "keys are then locked pages that the kernel can read",
                    fix: "Linux 5.14 or later; before 6.5 boot with secretmem.enable=1"
                )
        )
        let whySwap = "what was swapped stays on the disk"
        switch facts.hasSwap {
        case false?: findings.append(.ok("swap", "none", why: whySwap))
        case true?:
            findings.append(
                facts.lockedMemoryLimit == .max
                    ? .ok("swap", "there is one, and all memory is locked", why: whySwap)
                    : .warn("swap", "there is one", why: whySwap, fix: "swapoff -a, or encrypt it")
            )
        case nil: findings.append(Self.unseen("swap", whySwap))
        }
        return findings
    }

    var dumps: Finding {
        let why = "a dump holds the memory; the signer forbids its own, and the host should not collect any"
        if let limit = facts.signer?.coreLimit, limit > 0 {
            return .bad("dumps", "the running signer may write them", why: why, fix: "LimitCORE=0 in the unit")
        }
        guard let pattern = facts.corePattern else { return Self.unseen("dumps", why) }
        guard pattern.hasPrefix("|") else { return .ok("dumps", "no file, no collector", why: why) }
        return .warn(
            "dumps",
            "a collector takes them: \(pattern.prefix(40))",
            why: why,
            fix: "sysctl -w kernel.core_pattern=core, or Storage=none in coredump.conf"
        )
    }
}

// MARK: Kernel and container

extension Examination {
    var filters: [Finding] {
        let whyCalls = "an intruder in the process could start programs and open ports"
        let whyFiles = "an intruder in the process could read and write what its user may"
        return [
            filter(
                "seccomp",
                configuration.sandbox.systemCalls,
                isThere: facts.hasSeccomp,
                absent: "this kernel has no filters (CONFIG_SECCOMP_FILTER)",
                fix: "a kernel with CONFIG_SECCOMP_FILTER",
                why: whyCalls
            ),
            filter(
                "landlock",
                configuration.sandbox.files,
                isThere: facts.landlockVersion >= 4,
                absent: facts.landlockVersion == 0
                    ? "this kernel has no Landlock"
                    : "this kernel's Landlock (version \(facts.landlockVersion)) knows files, no ports",
                fix: "Linux 6.7 or later, with lsm=landlock,… where it is not the default",
                why: whyFiles
            ),
        ]
    }

    private func filter(
        _ name: String,
        _ mode: Configuration.Sandbox.Mode,
        isThere: Bool,
        absent: String,
        fix: String,
        why: String
    ) -> Finding {
        guard mode != .off else {
            return .warn(name, "off", why: why, fix: "set server.\(name): required")
        }
        guard isThere else {
            return .bad(name, absent, why: why, fix: fix)
        }
        if name == "seccomp", facts.signer?.isFiltered == false {
            return .bad(name, "configured, but the running signer has none", why: why, fix: "restart the signer")
        }
        return .ok(name, "on (\(mode.rawValue))", why: why)
    }

    var clock: Finding {
        let why = "the clock guard refuses duties by it: a wrong clock refuses good ones"
        switch facts.clockIsSynchronized {
        case true?: return .ok("clock", "synchronised", why: why)
        case false?:
            return .bad("clock", "not synchronised", why: why, fix: "timedatectl set-ntp true, or install chrony")
        case nil: return Self.unseen("clock", why)
        }
    }

    /// Seen of a container, or of a signer that runs.
    var root: [Finding] {
        guard facts.container != nil || facts.signer != nil else { return [] }
        let name = "root file system"
        let place = facts.container ?? "this host"
        let why = "what cannot be written cannot be replaced"
        guard let isWritable = facts.rootIsWritable else { return [Self.unseen(name, why)] }
        guard isWritable else { return [.ok(name, "read-only (\(place))", why: why)] }
        let fix = facts.container == nil ? "ProtectSystem=strict in the unit" : "--read-only --tmpfs /tmp"
        return [.warn(name, "the signer can write it (\(place))", why: why, fix: fix)]
    }

    /// What makes an intruder seen.
    var watching: [Finding] {
        let why = "a key that nobody should use tells of somebody who tries them all"
        let count = configuration.canaries.keys.count
        return [
            count > 0
                ? .ok("canaries", "\(count) keys", why: why)
                : .warn(
                    "canaries",
                    "none",
                    why: why,
                    fix: "set canary_keys, and alert on containment_canary_signing_total"
                ),
            audit,
            .ok(
                "always on",
                "secrets wiped, tokens kept as digests, other networks refused, overload refused at once",
                why: "no setting switches these off"
            ),
        ]
    }

    /// Lines in the log alone are neither chained nor written before the answer; whether somebody keeps them cannot be seen here.
    private var audit: Finding {
        let why = "who signed what, and who tried to, is known afterwards only from there"
        if let path = configuration.audit.path {
            return .ok("audit", "lines are chained in \(path); `containment-chamber audit verify` walks them", why: why)
        }
        let directives = configuration.logging.filter.split(separator: ",").map { $0.filter { $0 != " " } }
        let own = directives.last { $0.hasPrefix("audit=") }?.dropFirst(6)
        let general = directives.last { !$0.contains("=") }
        let level = own.map(String.init) ?? general.map { String($0) } ?? "info"
        let isLeftOut = ["off", "error", "warn"].contains(level)
        return .warn(
            "audit",
            isLeftOut ? "no file, and the log filter leaves audit lines out" : "no file: the lines are in the log only",
            why: why,
            fix: "set audit.path to a file in a folder of the signer's own"
        )
    }
}
