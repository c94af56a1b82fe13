// SPDX-License-Identifier: Apache-2.0
import Glibc
import Hardening
import Testing

/// What the heap gives back and takes. Sizes below 1 KiB stay in a cache of the thread that freed them, whose last entry comes
/// first; larger ones lie in the heap itself.
@Suite struct WipingHeapTests {
    /// Memory as the C library hands it out.
    @safe private struct Block {
        private static let mark: UInt8 = 0xa5
        private let memory: UnsafeMutableRawPointer

        init(_ size: Int) { unsafe self.init(malloc(size)) }

        private init(_ memory: UnsafeMutableRawPointer?) {
            guard let memory = unsafe memory else { preconditionFailure("there is no memory left") }
            unsafe self.memory = unsafe memory
        }

        var place: UInt { unsafe UInt(bitPattern: memory) }

        func fill(_ size: Int) -> Block {
            unsafe memory.initializeMemory(as: UInt8.self, repeating: Self.mark, count: size)
            return self
        }

        func marks(_ size: Int) -> Int {
            unsafe UnsafeRawBufferPointer(start: memory, count: size).count { $0 == Self.mark }
        }

        func resized(to size: Int) -> Block { unsafe Block(realloc(memory, size)) }
        func end() { unsafe free(memory) }
    }

    @Test(arguments: [24, 64, 1000, 5000, 100_000])
    func `what was freed comes back empty`(_ size: Int) {
        let first = Block(size).fill(size)
        #expect(first.marks(size) == size)
        let place = first.place
        first.end()
        let second = Block(size)
        defer { second.end() }
        if size < 1000 { #expect(second.place == place, "another place: this shows nothing") }
        #expect(second.marks(size) == 0)
    }

    @Test func `what grows keeps its contents and leaves none behind`() {
        let first = Block(64).fill(64)
        let place = first.place
        let grown = first.resized(to: 50_000)
        let left = Block(64)
        defer {
            grown.end()
            left.end()
        }
        #expect(grown.place != place && grown.marks(64) == 64)
        #expect(left.place == place && left.marks(64) == 0)
    }

    @Test func `what shrinks much moves, what shrinks little stays`() {
        let first = Block(100_000).fill(100_000)
        let place = first.place
        let little = first.resized(to: 90_000)
        #expect(little.place == place && little.marks(90_000) == 90_000)
        let much = little.resized(to: 100)
        defer { much.end() }
        #expect(much.place != place && much.marks(100) == 100)
    }

    @Test func `the borders are those of the C library`() {
        free(nil)
        let isGone = unsafe realloc(realloc(nil, 10), 0) == nil
        errno = 0
        let isTooMuch = unsafe reallocarray(nil, .max, 3) == nil
        #expect(isGone && isTooMuch && errno == ENOMEM)
        unsafe free(reallocarray(nil, 10, 8))
        var aligned: UnsafeMutableRawPointer?
        let status = unsafe posix_memalign(&aligned, 4096, 8192)
        #expect(status == 0)
        unsafe free(aligned)
    }

    @Test func `the report says that it holds`() async {
        await #expect(processExitsWith: .success) {
            #expect(Hardening.apply()["freed memory"] == .holds("wiped"))
        }
    }
}
