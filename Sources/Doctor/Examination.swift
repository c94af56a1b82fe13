// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Encoding

/// Facts in, findings out: the checklist for production and the table of protections. Nothing is looked at here.
package struct Examination {
    let facts: HostFacts
    var configuration: Configuration { facts.configuration }

    package init(_ facts: HostFacts) { self.facts = facts }

    package var findings: [Finding] {
        network + access + files + process + memory + [dumps] + filters + [clock] + root + watching
    }

    /// Those that `server.strict` demands: what protects this process and what it reads, whoever reaches it.
    package var protections: [Finding] { files + process + memory + filters }
}

// MARK: Who reaches it

extension Examination {
    var network: [Finding] {
        [
            binding(
                "signing port",
                configuration.signingAddress,
                setting: configuration.tls.isEnabled ? "tls.listen_address" : "server.listen_address"
            ),
            configuration.metrics.isEnabled
                ? binding("metrics port", configuration.metrics.listenAddress, setting: "metrics.listen_address")
                : .ok("metrics port", "closed", why: "what is not open is not reached"),
            firewall, encryption,
        ]
    }

    private var encryption: Finding {
        let why = "who listens on the way learns the tokens"
        if configuration.tls.isEnabled { return .ok("encryption", "TLS", why: why) }
        if configuration.isSigningLocal { return .ok("encryption", "not needed on a loopback address", why: why) }
        return .bad(
            "encryption",
            "none on \(configuration.signingAddress)",
            why: why,
            fix: "set tls.mode: file, or listen on a loopback address behind a tunnel"
        )
    }

    private func binding(_ name: String, _ address: String, setting: String) -> Finding {
        let why = "who reaches the port can ask; only clients should reach it"
        if ["0.0.0.0", "::"].contains(address) {
            return .bad(
                name,
                "\(address): every interface of this host, public ones too",
                why: why,
                fix: "set \(setting) to 127.0.0.1 or to the address of a private interface"
            )
        }
        guard let parsed = IPAddress(address), parsed.isPublic else {
            return .ok(name, "\(address): loopback or private", why: why)
        }
        return .bad(name, "\(address): a public address", why: why, fix: "set \(setting) to a private address")
    }

    private func stateMemory(_ path: String?) -> Finding {
        let why =
            "a signer state that is set back while the signer is stopped makes tokens good that were revoked since"
        guard let path else {
            return .warn(
                "memory of the state",
                "there is none: a state that was set back is noticed by running signers only",
                why: why,
                fix: "set signer_state.memory_path to a file on a disk that survives restarts"
            )
        }
        return .ok("memory of the state", path, why: why)
    }

    /// Where several signers share a state.
    private var following: Finding? {
        let state = configuration.signerState
        guard state.backend != .sqlite else { return nil }
        let why = "a seal that is ordered at one instance, and a token that is revoked there, is to hold at all"
        guard !state.isFollowed else {
            return .ok("other instances", "followed within \(state.refreshInterval.components.seconds) s", why: why)
        }
        return .warn(
            "other instances",
            "signer_state.refresh_interval_seconds is 0: they are not followed",
            why: why,
            fix: "set signer_state.refresh_interval_seconds to 1, or order and revoke at each instance"
        )
    }

    var access: [Finding] {
        let why = "with a token, who merely reaches the port can do nothing"
        let isOpen = configuration.authMode == .open
        let isLocal = configuration.isSigningLocal
        var findings: [Finding] = []
        switch (isOpen, isLocal) {
        case (false, _): findings.append(.ok("tokens", "auth.mode is enforced", why: why))
        case (true, true):
            findings.append(
                .warn(
                    "tokens",
                    "auth.mode is open: every process of this machine can sign",
                    why: why,
                    fix: "set auth.mode: enforced, and give each client a token (docs/access.md)"
                )
            )
        case (true, false):
            findings.append(
                .bad("tokens", "auth.mode is open on a public address", why: why, fix: "set auth.mode: enforced")
            )
        }
        if configuration.sealedKeys != nil { findings.append(stateMemory(configuration.signerStateMemoryPath)) }
        findings += [following].compactMap(\.self)
        let protection = "without a record, whatever can be slashed is signed"
        if configuration.antiSlashing.backend == .noop {
            findings.append(
                .bad(
                    "slashing protection",
                    "anti_slashing.backend is noop: none",
                    why: protection,
                    fix: "set anti_slashing.backend to sqlite, postgres or dynamodb"
                )
            )
        } else {
            let name = configuration.antiSlashing.backend.rawValue
            findings.append(.ok("slashing protection", "\(name)", why: protection))
        }
        return findings
    }
}

// MARK: User

extension Examination {
    /// Root looks at the files of others: who the signer is shows only when it runs.
    var knowsUser: Bool { facts.signer != nil || facts.user != 0 }

    private var user: Finding {
        let why = "root reads every file and may change the host; signing needs neither"
        guard knowsUser else {
            return .unknown("user", "the doctor is root, and no signer runs", why: why, fix: "start the signer")
        }
        guard facts.user == 0 else { return .ok("user", "user \(facts.user)", why: why) }
        return .bad(
            "user",
            "root",
            why: why,
            fix: "useradd --system --shell /usr/sbin/nologin containment-chamber, and User= in the unit"
        )
    }

    var process: [Finding] {
        var findings = [user]
        guard let signer = facts.signer else {
            return findings + [
                .unknown(
                    "running signer",
                    "none answers at \(configuration.adminSocketPath)",
                    why: "privileges and filters are seen only on a process that runs",
                    fix: "start the signer, and run the doctor as its user or as root"
                )
            ]
        }
        let whyCapabilities = "a signer needs no capability but, at most, that to lock memory"
        switch signer.capabilities.map({ $0 & ~(1 << 14) }) {
        case 0?: findings.append(.ok("capabilities", "none", why: whyCapabilities))
        case let set?:
            findings.append(
                .bad(
                    "capabilities",
                    "the set 0x\(String(set, radix: 16))",
                    why: whyCapabilities,
                    fix: "CapabilityBoundingSet= in the unit, --cap-drop ALL for a container"
                )
            )
        case nil: findings.append(Self.unseen("capabilities", whyCapabilities))
        }
        let whyPrivileges = "no program that it could start gains rights"
        switch signer.hasNoNewPrivileges {
        case true?: findings.append(.ok("new privileges", "never", why: whyPrivileges))
        case false?:
            findings.append(
                .bad("new privileges", "possible", why: whyPrivileges, fix: "NoNewPrivileges=yes in the unit")
            )
        case nil: findings.append(Self.unseen("new privileges", whyPrivileges))
        }
        return findings
    }

    static func unseen(_ name: String, _ why: String) -> Finding {
        .unknown(name, "cannot be seen by this user", why: why, fix: "run the doctor as root")
    }
}
