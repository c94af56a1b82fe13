// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Encoding
import Glibc
import Secrets
import Testing

/// What a filling closure throws.
private struct Refused: Error {}

extension SecretArena {
    /// A slot full of one byte.
    fileprivate func slot(_ byte: UInt8) -> SecretSlot {
        store { target in
            for position in 0..<32 { target.storeBytes(of: byte, toByteOffset: position, as: UInt8.self) }
        }
    }
}

extension RawSpan {
    /// The byte that all are, or nil where they differ.
    fileprivate var onlyByte: UInt8? {
        unsafe withUnsafeBytes { bytes in unsafe bytes.allSatisfy { unsafe $0 == bytes[0] } ? bytes[0] : nil }
    }
}

@Suite struct SecretArenaTests {
    @Test func `a slot holds what was stored`() {
        let slot = SecretArena().slot(0x5A)
        #expect(slot.withBytes { $0.onlyByte } == 0x5A)
    }

    @Test func `a slot is zero again before it is used again`() {
        let arena = SecretArena()
        do {
            let slot = arena.slot(0xFF)
            #expect(slot.withBytes { $0.onlyByte } == 0xFF)
        }
        var found: UInt8?
        // Freed last, taken first: this is the same slot.
        let again = arena.store { target in found = target.bytes.onlyByte }
        #expect(found == 0)
        #expect(again.withBytes { $0.onlyByte } == 0)
    }

    @Test func `a slot whose filling failed is wiped and free`() {
        let arena = SecretArena()
        #expect(throws: Refused.self) {
            _ = try arena.store { target throws(Refused) in
                target.storeBytes(of: 0xFFFF_FFFF, toByteOffset: 0, as: UInt32.self)
                throw Refused()
            }
        }
        #expect(arena.occupied == 0)
        var found: UInt8?
        _ = arena.store { target in found = target.bytes.onlyByte }
        #expect(found == 0)
    }

    @Test func `occupancy follows the slots`() {
        let arena = SecretArena()
        #expect(arena.occupied == 0)
        let first = arena.slot(1)
        do {
            let second = arena.slot(2)
            #expect(arena.occupied == 2)
            _ = second.withBytes { $0.byteCount }
        }
        #expect(arena.occupied == 1)
        #expect(first.withBytes { $0.onlyByte } == 1)
    }

    @Test func `thousands of slots over several segments keep their own bytes`() {
        let arena = SecretArena()
        let slots = (0..<6000).map { Held(arena.slot(UInt8(truncatingIfNeeded: $0))) }
        #expect(arena.occupied == 6000)
        for (number, held) in slots.enumerated() {
            #expect(held.slot.withBytes { $0.onlyByte } == UInt8(truncatingIfNeeded: number))
        }
    }

    @Test func `a slot outlives the variable of its arena`() {
        var arena: SecretArena? = SecretArena()
        let slot = arena?.slot(9)
        arena = nil
        #expect(slot?.withBytes { $0.onlyByte } == 9)
    }

    @Test func `protection is reported before and after the first slot`() {
        let arena = SecretArena()
        let expected = arena.protection
        let slot = arena.slot(1)
        #expect(arena.protection == expected)
        #expect(slot.withBytes { $0.byteCount } == SecretArena.slotSize)
        #expect(SecretArena.Protection.unlocked < .locked)
        #expect(SecretArena.Protection.locked < .kernelSecret)
    }

    @Test func `threads that take and release at once never share a slot`() {
        let arena = SecretArena()
        let mistakes = Lock(0)
        let threads = (0..<4).map { thread in
            Thread(name: "arena-\(thread)") {
                for round in 0..<2000 {
                    let held = (0..<3).map { Held(arena.slot(UInt8(thread * 50 + (round + $0) % 50))) }
                    for (offset, held) in held.enumerated()
                    where held.slot.withBytes({ $0.onlyByte }) != UInt8(thread * 50 + (round + offset) % 50) {
                        mistakes.withLock { $0 += 1 }
                    }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(mistakes.withLock { $0 } == 0)
        #expect(arena.occupied == 0)
    }

    @Test(arguments: [-1, 65536])
    func `memory on both sides of a segment cannot be read`(_ offset: Int) async {
        await #expect(processExitsWith: .failure) { [offset] in
            let slot = SecretArena().slot(1)
            slot.withBytes { bytes in
                let byte = unsafe bytes.withUnsafeBytes {
                    unsafe $0.baseAddress?.load(fromByteOffset: offset, as: UInt8.self)
                }
                exit(Int(byte ?? 0) < 256 ? EXIT_SUCCESS : EXIT_FAILURE)
            }
        }
    }
}

/// A slot in a class, because arrays hold no noncopyable values.
private final class Held: Sendable {
    let slot: SecretSlot
    init(_ slot: consuming SecretSlot) { self.slot = slot }
}
