// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// What the serving process takes away from itself.
    package struct Sandbox: Sendable {
        package enum Mode: String, Sendable, CaseIterable {
            case off
            /// Where the kernel cannot do it, that is said and the signer serves without.
            case bestEffort = "best_effort"
            /// Where the kernel cannot do it, the signer does not start.
            case required
        }

        package var systemCalls = Mode.off
        package var files = Mode.off
        /// Further folders that may be read.
        package var readablePaths: [String] = []
    }
}

extension Configuration.Sandbox {
    static let settings: [Setting<Configuration>] = [
        Setting(
            "server.seccomp",
            at: \.sandbox.systemCalls,
            .sandboxMode,
            "Allows only the system calls that signing needs, from the moment the ports are open: no new programs, listeners or code. best_effort (or true) goes on where the kernel cannot do it and says so, required does not start."
        ),
        Setting(
            "server.landlock",
            at: \.sandbox.files,
            .sandboxMode,
            "Allows only the files and TCP ports that this configuration names, and those of the system that are needed to look names up. Values as of server.seccomp."
        ),
        Setting(
            "server.landlock_read_paths",
            at: \.sandbox.readablePaths,
            listOf: .path,
            mayBeEmpty: true,
            "Further folders that server.landlock lets the signer read, such as those of keystores that descriptors name outside their own folder."
        ),
    ]

    static let rules: [Rule<Configuration>] = [
        Rule(["server.landlock_read_paths", "server.landlock"]) { all in
            guard all.sandbox.files == .off, !all.sandbox.readablePaths.isEmpty else { return nil }
            return .init("server.landlock_read_paths", "has no effect while server.landlock is off")
        }
    ]
}

extension ValueType where Value == Configuration.Sandbox.Mode {
    /// `true` and `false` too: the original knows nothing else.
    static let sandboxMode: ValueType = {
        let choice = ValueType.choice()
        return ValueType(
            "off, best_effort (or true) or required",
            placeholder: choice.placeholder,
            read: { text throws(ValueFailure) in
                switch text {
                case "true": .bestEffort
                case "false": .off
                default: try choice.read(text)
                }
            },
            write: choice.write
        )
    }()
}
