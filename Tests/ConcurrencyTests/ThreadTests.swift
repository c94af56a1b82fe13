// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import Testing

/// The name of the calling thread, as the kernel shows it.
func currentThreadName() async -> String { threadName() }

func threadName() -> String {
    let text = try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
    return text?.trimmingCharacters(in: .newlines) ?? "unknown"
}

@Suite(.timeLimit(.minutes(1))) struct ThreadTests {
    @Test func `a thread runs its body under its name and can be joined twice`() {
        let name = Lock("")
        let thread = Concurrency.Thread(name: "worker-with-a-long-name") { name.withLock { $0 = threadName() } }
        thread.join()
        thread.join()
        #expect(name.withLock { $0 } == "worker-with-a-l")
    }

    @Test func `a thread lets go of what its body captured`() {
        final class Witness: Sendable {}
        weak var witness: Witness?
        do {
            let captured = Witness()
            witness = captured
            Concurrency.Thread(name: "holder") { _ = captured }.join()
        }
        #expect(witness == nil)
    }

    @Test func `there is a processor`() { #expect(Processors.available >= 1) }
}
