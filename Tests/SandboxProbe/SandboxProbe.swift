// SPDX-License-Identifier: Apache-2.0
internal import CAttempts
internal import Foundation
internal import Hardening

/// Goes into the sandbox of the signer and tries from inside what it is told to: the signer itself has no door for
/// that.
///
///     SandboxProbe calls ATTEMPT [ARGUMENT]
///     SandboxProbe files [--read PATH] [--write PATH] [--bind PORT] [--call PORT] -- ATTEMPT [ARGUMENT]
///     SandboxProbe deprived PROGRAM [ARGUMENT …]
///
/// The last becomes another program, as on a kernel that has neither filters nor Landlock. The others print the error
/// number, 0 where it worked; a protection that does not hold ends them with 3.
@main
struct SandboxProbe {
    static func main() {
        var arguments = CommandLine.arguments.dropFirst()
        if arguments.first == "deprived" { become(Array(arguments.dropFirst())) }
        _ = Hardening.apply()
        let state: HardeningReport.State
        switch arguments.popFirst() {
        case "calls": state = SystemCallFilter.apply()
        case "files": state = rules(from: &arguments).apply()
        default: exit(2)
        }
        guard state.holds, let name = arguments.popFirst() else {
            print(state.detail)
            exit(3)
        }
        let code = unsafe name.withCString { name in
            unsafe (arguments.popFirst() ?? "").withCString { unsafe chamber_attempt(name, $0) }
        }
        print(code)
    }

    private static func become(_ program: [String]) -> Never {
        var pointers = unsafe program.map { unsafe strdup($0) } + [nil]
        let code = unsafe chamber_run_deprived(program.first ?? "", &pointers)
        print("\(program): error \(code)")
        exit(3)
    }

    private static func rules(from arguments: inout ArraySlice<String>) -> Landlock {
        var rules = Landlock()
        rules.called = []
        while let option = arguments.popFirst(), option != "--", let value = arguments.popFirst() {
            switch option {
            case "--read": rules.readable.append(value)
            case "--write": rules.writable.append(value)
            case "--bind": rules.bound.append(UInt16(value) ?? 0)
            case "--call": rules.called?.append(UInt16(value) ?? 0)
            default: exit(2)
            }
        }
        return rules
    }
}
