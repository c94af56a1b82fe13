// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// The audit file.
    package struct Audit: Sendable {
        package enum OnFailure: String, Sendable, CaseIterable { case refuse, `continue` }

        package var path: String?
        package var onFailure = OnFailure.refuse
        package var maxBytes = 256 << 20
        package var keep = 16
    }
}

extension Configuration.Audit {
    static let settings: [Setting<Configuration>] = [
        Setting(
            "audit.path",
            at: \.audit.path,
            optional: .path,
            unset: "none; audit lines are in the log only",
            "The file of the audit trail: one line for each signing attempt, refusal and admin action, written before the answer. Each instance needs one of its own."
        ),
        Setting(
            "audit.on_failure",
            at: \.audit.onFailure,
            .choice(),
            "What happens to signing requests while their lines cannot be written: refuse answers 503 and signs nothing, continue signs without them. Admin actions are never done without their line."
        ),
        Setting(
            "audit.max_bytes",
            at: \.audit.maxBytes,
            .integer(65_536...(1 << 40), unit: "bytes"),
            "The size after which the next audit file is begun."
        ),
        Setting(
            "audit.keep",
            at: \.audit.keep,
            .integer(1...999_999, unit: "files"),
            "How many earlier audit files are kept; older ones are removed when the next file is begun."
        ),
    ]

    static let rules: [Rule<Configuration>] = [
        Rule(["audit.path", "anti_slashing.path", "anti_slashing.floor.path", "signer_state.path"]) { all in
            guard let path = all.audit.path else { return nil }
            let others = [all.antiSlashing.path, all.antiSlashing.floor.path, all.signerStatePath]
            guard others.map(FilePath.init).contains(FilePath(path)) else { return nil }
            return .init("audit.path", "is the file of the slashing record, its floor or the signer state too")
        }
    ]
}
