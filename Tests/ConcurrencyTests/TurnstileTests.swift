// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Testing

@Suite(.timeLimit(.minutes(1))) struct TurnstileTests {
    @Test func `one task is through at a time, whatever happens inside`() async {
        struct Mishap: Error {}
        let turnstile = Turnstile()
        let inside = Lock((now: 0, most: 0, passed: 0))
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask {
                    try? await turnstile.pass { () async throws(Mishap) in
                        inside.withLock { inside in
                            inside.now += 1
                            inside.most = max(inside.most, inside.now)
                        }
                        await Task.yield()
                        inside.withLock { inside in
                            inside.now -= 1
                            inside.passed += 1
                        }
                        if number % 3 == 0 { throw Mishap() }
                    }
                }
            }
        }
        #expect(inside.withLock { $0 } == (now: 0, most: 1, passed: 200))
    }
}
