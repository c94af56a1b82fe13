// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import TestSupport

/// Ends the programs that the tests have started, where the tests themselves end in a way that leaves them no time for
/// it: a shell that learns of every start and end, and sees its input close when the test process is gone.
final class Watchdog: Sendable {
    /// Nil where there is no shell.
    static let shared = try? Watchdog()

    private let pipe: Lock<FileHandle>

    private init() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = [
            "-c",
            """
            trap '' INT TERM HUP
            live=' '
            while read -r change number; do
                case $change in
                    +) live="$live$number " ;;
                    -) case $live in *" $number "*) live="${live%% $number *} ${live#* $number }" ;; esac ;;
                esac
            done
            for number in $live; do kill -KILL "$number"; done
            """,
        ]
        let input = try Spawning.alone {
            let input = Pipe()
            process.standardInput = input
            try process.run()
            return input
        }
        pipe = Lock(input.fileHandleForWriting)
    }

    func watch(_ number: Int32) { tell("+ \(number)\n") }
    func forget(_ number: Int32) { tell("- \(number)\n") }

    private func tell(_ line: String) { pipe.withLock { try? $0.write(contentsOf: Data(line.utf8)) } }
}
