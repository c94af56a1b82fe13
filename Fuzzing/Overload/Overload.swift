// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Foundation

/// `Overload BINARY slow|crowds|overload|guesses|forbidden [SECONDS or COUNT]`: drives the real program harder than it can go, and holds it to
/// what an overloaded signer owes its clients. The status is 0 where all of it held.
@main enum Overload {
    static func main() {
        let arguments = CommandLine.arguments
        let campaigns: [String: (String, Int?) throws -> String] = [
            "slow": { try SlowClients.run($0, seconds: $1 ?? 20) },
            "crowds": { try Crowds.run($0, seconds: $1 ?? 20) },
            "overload": { try TooMany.run($0, seconds: $1 ?? 60) },
            "forbidden": { try ForbiddenKeys.run($0, count: $1 ?? 200_000) },
            "guesses": { try TokenGuesses.run($0, count: $1 ?? 1_000_000) },
        ]
        guard arguments.count >= 3, let campaign = campaigns[arguments[2]] else {
            return finish("usage: Overload BINARY slow|crowds|overload|guesses|forbidden [SECONDS or COUNT]", 2)
        }
        do {
            finish(try campaign(arguments[1], arguments.count > 3 ? Int(arguments[3]) : nil), 0)
        } catch {
            finish("\(arguments[2]): BROKEN: \(error)", 1)
        }
    }

    private static func finish(_ sentence: String, _ status: Int32) {
        print(sentence)
        exit(status)
    }
}

extension Double {
    var shown: String { String(format: "%.1f ms", self) }
}
