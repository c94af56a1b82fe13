// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

/// Sends traces of some requests to a collector, from a thread of its own. What it cannot send it drops and counts: no
/// request ever waits for a collector.
package final class Tracer: Sendable {
    package struct Settings: Sendable {
        /// The share of requests that are traced where the client does not say; 0 to 1.
        package var sampleRatio: Double
        package var version: String
        /// Requests that may wait to be sent.
        package var room = 4096
        /// After so many, or so long, a batch is sent.
        package var batch = 256
        package var interval = Duration.seconds(1)
        /// How long the collector is left alone after it was not there.
        package var rest = Duration.seconds(5)

        package init(sampleRatio: Double, version: String) {
            self.sampleRatio = sampleRatio
            self.version = version
        }
    }

    /// Takes one `ExportTraceServiceRequest` in JSON on the tracer's thread; false where it did not arrive. May block.
    package typealias Sink = @Sendable ([UInt8]) -> Bool

    package struct Counts: Sendable, Equatable {
        package var sent: UInt64 = 0
        package var dropped: UInt64 = 0
    }

    private struct State {
        var waiting: [TracedRequest] = []
        var counts = Counts()
        var isStopping = false
    }

    private let settings: Settings
    private let state = Condition(State())
    private let thread: Thread

    package init(_ settings: Settings, sink: @escaping Sink) {
        self.settings = settings
        let state = state
        thread = Thread(name: "traces") { Self.send(from: state, settings, to: sink) }
    }

    deinit { state.broadcast { $0.isStopping = true } }

    /// Whether a request is to be traced: as its client decided, else by chance.
    package func samples(_ parent: TraceParent?) -> Bool {
        if let parent { return parent.isSampled }
        if settings.sampleRatio >= 1 { return true }
        return settings.sampleRatio > 0 && Double.random(in: 0..<1) < settings.sampleRatio
    }

    package func record(_ request: @autoclosure () -> TracedRequest) {
        let request = request()
        state.withLockThenWake { state in
            guard state.waiting.count < settings.room, !state.isStopping else {
                state.counts.dropped += 1
                return false
            }
            state.waiting.append(request)
            return state.waiting.count == settings.batch
        }
    }

    package var counts: Counts { state.withLock(wake: false) { $0.counts } }

    /// Sends what waits, once, and ends the thread. Blocks.
    package func stop() {
        state.broadcast { $0.isStopping = true }
        thread.join()
    }

    private static func send(from state: Condition<State>, _ settings: Settings, to sink: Sink) {
        while true {
            // A batch, or what has come in the time of one.
            _ = state.wait(timeout: settings.interval) { state in
                state.waiting.count >= settings.batch || state.isStopping ? true : nil
            }
            var batch: [TracedRequest] = []
            var isStopping = false
            state.withLock(wake: false) { state in
                batch = Array(state.waiting.prefix(settings.batch))
                state.waiting.removeFirst(batch.count)
                isStopping = state.isStopping && state.waiting.isEmpty
            }
            let hasArrived = batch.isEmpty || sink(document(batch, settings))
            let count = UInt64(batch.count)
            let mustEnd = state.withLock(wake: false) { state in
                if hasArrived { state.counts.sent += count } else { state.counts.dropped += count }
                // At the end nobody waits for a collector that is not there.
                guard !hasArrived, state.isStopping else { return isStopping }
                state.counts.dropped += UInt64(state.waiting.count)
                state.waiting = []
                return true
            }
            if mustEnd { return }
            if !hasArrived { _ = state.wait(timeout: settings.rest) { $0.isStopping ? true : nil } }
        }
    }

    private static func document(_ batch: [TracedRequest], _ settings: Settings) -> [UInt8] {
        let clock = OTLPDocument.Clock(wall: WallClock.nanoseconds, monotonic: MonotonicClock.nanoseconds)
        let random = { UInt64.random(in: .min ... .max) }
        return OTLPDocument(batch, version: settings.version, clock: clock, random: random).bytes
    }
}
