// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Glibc

/// Asks `/upcheck` again and again, over a new connection each time, from when it is made until it is stopped.
final class HealthCheck {
    private struct Course {
        var times = Times()
        var failures = 0
        var stops = false
    }
    private let course: Lock<Course>
    private let thread: Thread

    init(port: UInt16) {
        let course = Lock(Course())
        self.course = course
        thread = Thread(name: "upcheck") {
            while !course.withLock({ $0.stops }) {
                let began = MonotonicClock.nanoseconds
                let socket = Socket(port: port)
                socket?.send(Array("GET /upcheck HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
                let status = socket?.awaitAnswer(milliseconds: 5000)
                let time = MonotonicClock.nanoseconds - began
                course.withLock {
                    $0.times.add(time)
                    if status != 200 { $0.failures += 1 }
                }
                usleep(20_000)
            }
        }
    }

    /// How long the answers took, and how many were none or others than 200.
    func stop() -> (times: Times, failures: Int) {
        course.withLock { $0.stops = true }
        thread.join()
        return course.withLock { ($0.times, $0.failures) }
    }
}
