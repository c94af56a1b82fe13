// SPDX-License-Identifier: Apache-2.0
import Glibc
import Hardening
import Testing

/// What the heap gives back and takes. Sizes below 1 KiB stay in a cache of the thread that freed them, whose last entry comes
/// first; larger ones lie in the heap itself. Into the first 16 bytes of what was given back the C library writes its own.
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

        func marks(_ size: Int, from start: Int = 0) -> Int {
            unsafe UnsafeRawBufferPointer(start: memory, count: size).dropFirst(start).count { $0 == Self.mark }
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
        #expect(second.marks(size, from: 16) == 0)
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
        #expect(left.place == place && left.marks(64, from: 16) == 0)
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

    @Test func `what grows in small steps is not copied for each`() {
        var block = Block(100_000).fill(100_000)
        var places: Set<UInt> = []
        for size in stride(from: 104_096, through: 4_000_000, by: 4096) {
            block = block.resized(to: size)
            places.insert(block.place)
        }
        #expect(block.marks(100_000) == 100_000 && places.count < 15)
        block.end()
    }

    @Test(arguments: [24, 100, 1000])
    func `what is given back twice ends the program`(_ size: Int) async {
        await #expect(processExitsWith: .signal(SIGABRT)) { [size] in
            let block = Block(size)
            block.end()
            block.end()
        }
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
