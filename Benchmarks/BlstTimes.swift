// SPDX-License-Identifier: Apache-2.0
internal import CBlst
internal import Concurrency
internal import Glibc

/// What blst itself takes on these processors now. Straight through its C interface, so that nothing of ours is in the
/// measure, and on every processor at once, as the server works.
struct BlstTimes {
    /// CPU time of one call in nanoseconds: the mean, as the server's time is one. Both then hold their share of interrupts
    /// and of caches that others have emptied; on a quiet machine it is the median.
    let hash: Double
    let multiplication: Double
    let signature: Double
    /// The median of single calls, which leaves such disturbance out.
    let medianMultiplication: Double
    /// Processors' worth of time that the measuring threads really got: less than all on a busy machine.
    let processorsGot: Double

    /// Multiplications a second that these processors can do at most.
    var limit: Double { processorsGot * 1e9 / multiplication }

    /// Repeats the three works in turn on every processor for so many nanoseconds.
    static func measure(nanoseconds: UInt64) -> BlstTimes {
        let results = Lock(Samples())
        let began = Clock.monotonic
        let threads = (0..<Processors.available).map { number in
            Concurrency.Thread(name: "blst-\(number)") {
                let samples = Samples.take(until: began + nanoseconds)
                results.withLock { $0.add(samples) }
            }
        }
        for thread in threads { thread.join() }
        let elapsed = Double(Clock.monotonic - began)
        return results.withLock { samples in
            BlstTimes(
                hash: samples.hash.mean,
                multiplication: samples.multiplication.mean,
                signature: samples.signature.mean,
                medianMultiplication: samples.multiplication.median,
                processorsGot: samples.cpu / elapsed
            )
        }
    }

    private struct Samples: Sendable {
        var hash: [Double] = []
        var multiplication: [Double] = []
        var signature: [Double] = []
        var cpu = 0.0

        static func take(until end: UInt64) -> Samples {
            var samples = Samples()
            var work = BlstWork()
            let began = Clock.thread
            repeat {
                samples.hash.append(time { work.hash() })
                samples.multiplication.append(time { work.multiply() })
                samples.signature.append(
                    time {
                        work.hash()
                        work.multiply()
                        work.compress()
                    }
                )
            } while Clock.monotonic < end
            samples.cpu = Double(Clock.thread - began)
            return samples
        }

        private static func time(_ body: () -> Void) -> Double {
            let began = Clock.thread
            body()
            return Double(Clock.thread - began)
        }

        mutating func add(_ other: Samples) {
            hash += other.hash
            multiplication += other.multiplication
            signature += other.signature
            cpu += other.cpu
        }
    }
}

/// The three calls of a signature, on a key that belongs to nobody.
private struct BlstWork {
    private var scalar = blst_scalar()
    private var message = [UInt8](repeating: 7, count: 32)
    private var point = blst_p2()
    private var product = blst_p2()
    private var compressed = [UInt8](repeating: 0, count: 96)
    private let tag = Array("BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_".utf8)

    init() {
        var material = (UInt8(0)..<32).map { $0 &* 37 &+ 11 }
        unsafe blst_keygen(&scalar, &material, material.count, nil, 0)
        hash()
    }

    mutating func hash() {
        message[0] &+= 1
        unsafe blst_hash_to_g2(&point, message, message.count, tag, tag.count, nil, 0)
    }

    mutating func multiply() { unsafe blst_sign_pk_in_g1(&product, &point, &scalar) }

    mutating func compress() { unsafe blst_p2_compress(&compressed, &product) }
}
