// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import TestSupport

/// The folder of this process's servers, and a shell that sees its input close when the test process is gone, whatever
/// ended it: then it ends the servers and removes the folder.
final class ServerWatchdog: Sendable {
    static let shared = ServerWatchdog()

    /// In memory where `/dev/shm` exists: a sync is asked for as in production, and costs little.
    let folder: String
    private let pipe: Lock<FileHandle>

    private init() {
        let parent = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        folder = parent + "/chamber-pg-" + UUID().uuidString.prefix(8)
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", Self.script, "watchdog", folder, Programs.otherUser?.user ?? ""]
        let input = Spawning.alone {
            let input = Pipe()
            process.standardInput = input
            // Without a shell or a folder nothing here can work, and every server says so when it starts.
            try? process.run()
            return input
        }
        pipe = Lock(input.fileHandleForWriting)
    }

    /// SIGQUIT first, by which the server gives its shared memory back.
    private static let script = """
        trap '' INT TERM HUP
        mkdir -m 700 "$1" && if [ -n "$2" ]; then chown "$2" "$1"; fi
        live=' '
        while read -r change number; do
            case $change in
                +) live="$live$number " ;;
                -) case $live in *" $number "*) live="${live%% $number *} ${live#* $number }" ;; esac ;;
            esac
        done
        children() {
            for stat in /proc/[0-9]*/stat; do
                { read -r child _ _ parent _ <"$stat"; } 2>/dev/null && [ "$parent" = "$1" ] && echo "$child"
            done
        }
        for number in $live; do kill -CONT "$number" $(children "$number"); kill -QUIT "$number"; done 2>/dev/null
        for round in 1 2 3 4 5 6 7 8 9 10; do
            still=''
            for number in $live; do kill -0 "$number" && still=yes; done 2>/dev/null
            [ -z "$still" ] && break
            sleep 0.2
        done
        for number in $live; do kill -KILL $(children "$number") "$number"; done 2>/dev/null
        rm -rf "$1" || { sleep 1; rm -rf "$1"; }
        """

    func watch(_ number: Int32) { tell("+ \(number)\n") }
    func forget(_ number: Int32) { tell("- \(number)\n") }

    private func tell(_ line: String) { pipe.withLock { try? $0.write(contentsOf: Data(line.utf8)) } }
}
