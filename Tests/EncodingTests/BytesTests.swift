// SPDX-License-Identifier: Apache-2.0
import Encoding
import Testing

@Suite struct BytesTests {
    @Test func `has as many bytes as its type says`() {
        #expect(Bytes<3>([1, 2, 3])?.array == [1, 2, 3])
        #expect(Bytes<3>([1, 2]) == nil)
        #expect(Bytes<3>([1, 2, 3, 4]) == nil)
        #expect(Bytes<0>([])?.array == [])
        #expect(MemoryLayout<Bytes<48>>.size == 48)
    }

    @Test func `copies a span of its length`() {
        let source: [UInt8] = [9, 8, 7]
        #expect(Bytes<3>(copying: source.span).array == source)
    }

    @Test func `a span of another length is a mistake of the programmer`() async {
        await #expect(processExitsWith: .failure) {
            let source: [UInt8] = [1]
            _ = Bytes<2>(copying: source.span)
        }
    }

    @Test func `starts as zero and changes in place`() {
        var bytes = Bytes<4>()
        #expect(bytes.isZero)
        bytes[3] = 1
        #expect(!bytes.isZero && bytes[3] == 1)
        var span = bytes.mutableSpan
        span[0] = 2
        #expect(bytes.array == [2, 0, 0, 1])
        #expect(bytes.span.count == 4)
    }

    @Test func `is equal, ordered and hashed by its bytes`() {
        let values = [[0, 0], [0, 1], [1, 0], [255, 255]].map { (bytes: [UInt8]) in Bytes<2>(bytes) ?? Bytes() }
        #expect(values == values.shuffled().sorted())
        #expect(Set(values + values).count == 4)
        for (left, right) in zip(values, values.dropFirst()) {
            #expect(left < right && !(right < left) && left != right)
        }
        #expect(!(values[0] < values[0]))
    }

    /// Eight bytes enter the hash at once, the rest one by one.
    @Test func `every byte counts for equality and the hash`() {
        let zero = Bytes<33>()
        var seen = Set([zero])
        for position in 0..<33 {
            var other = zero
            other[position] = 1
            #expect(other != zero)
            seen.insert(other)
        }
        #expect(seen.count == 34)
        #expect(Set(seen.map { $0.hashValue }).count == 34)
    }

    @Test func `reads as hexadecimal`() {
        #expect(Bytes<2>([0xab, 1])?.description == "0xab01")
    }
}
