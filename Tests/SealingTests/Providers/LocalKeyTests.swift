// SPDX-License-Identifier: Apache-2.0
import Encoding
import Foundation
import Glibc
import Sealing
import Secrets
import TestSupport
import Testing

@Suite struct LocalKeyTests {
    private let folder: TemporaryFolder
    private let share = Random.bytes(50)

    init() throws { folder = try TemporaryFolder() }

    private func name(_ file: String) throws -> KeyName { try KeyName("local:\(folder.file(file))") }

    private func wrapper(_ file: String) throws -> any KeyWrapper {
        try KeyWrappers(KeyWrapperSettings()).wrapper(for: name(file))
    }

    /// A key in a file that was just made.
    private func made(_ file: String = "key") throws -> any KeyWrapper {
        try LocalKey.makeFile(for: name(file))
        return try wrapper(file)
    }

    /// A file that a test wrote.
    private func written(_ text: String, mode: Int = 0o600, as file: String = "key") throws -> any KeyWrapper {
        try folder.write(Data(text.utf8), to: file)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder.file(file))
        return try wrapper(file)
    }

    private static let digits = String(repeating: "0123456789abcdef", count: 4)

    // MARK: The file

    @Test func `a key is made once, of random digits, for its owner alone`() throws {
        try LocalKey.makeFile(for: name("a"))
        try LocalKey.makeFile(for: name("b"))
        let (first, second) = try (folder.contents("a"), folder.contents("b"))
        #expect(first != second)
        for file in [first, second] {
            let text = String(decoding: file, as: UTF8.self)
            #expect(text.count == 65 && text.last == "\n" && Set(text.dropLast()).isSubset(of: Set("0123456789abcdef")))
        }
        #expect(try folder.mode("a") == 0o600)
        let error = #expect(throws: WrappingError.self) { try LocalKey.makeFile(for: name("a")) }
        #expect(error?.cause == .file && error?.reason.contains("exists already") == true)
        #expect(try folder.contents("a") == first)
    }

    @Test func `a key that is not local has no file`() throws {
        let name = try KeyName("arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab")
        let error = #expect(throws: WrappingError.self) { try LocalKey.makeFile(for: name) }
        #expect(error?.cause == .name)
    }

    @Test(arguments: [0o640, 0o604, 0o644, 0o660, 0o400, 0o700, 0o601, 0o4600, 0o1600, 0o000])
    func `a file with another mode is refused`(mode: Int) async throws {
        let wrapper = try written(Self.digits, mode: mode)
        // Only root reads what nobody may read.
        let mayRead = mode & 0o400 != 0 || geteuid() == 0
        let error = try #require(await wrapper.wrapFailure(share))
        #expect(error.cause == .file && !error.isTransient)
        #expect(error.reason.contains(mayRead ? "has the mode \(String(mode, radix: 8))" : "may not be read"))
        #expect(error.reason.contains("local key failed (local:\(folder.file("key")))"))
    }

    @Test(.enabled(if: geteuid() == 0, "only root gives files away"))
    func `the file of another user is refused`() async throws {
        let wrapper = try made()
        #expect(unsafe chown(folder.file("key"), 1, 1) == 0)
        let error = try #require(await wrapper.wrapFailure(share))
        #expect(error.cause == .file && error.reason.contains("belongs to another user"))
    }

    @Test(arguments: [
        "", "\n", String(digits.dropLast()), "\(digits.dropLast())\n", "\(digits)0", "\(digits)\n\n", "\(digits)\r\n",
        "\(digits) ", "0x\(digits.dropLast(2))", "0x\(digits)", "\(digits.dropLast())g", " \(digits.dropLast())",
        "\(digits.dropLast())\n\n", String(repeating: digits, count: 1000),
    ])
    func `a file with something else in it is refused`(text: String) async throws {
        let error = try #require(await written(text).wrapFailure(share))
        #expect(error.cause == .file)
        #expect(!error.reason.contains("0123456789abcdef"))
    }

    @Test(arguments: [digits, digits + "\n", digits.uppercased()])
    func `64 digits, with or without the end of a line, are a key`(text: String) async throws {
        let wrapper = try written(text)
        #expect(try await wrapper.unwrapped(wrapper.wrapped(share)) == share)
    }

    @Test func `a link, a folder, a pipe and nothing at all are no key`() async throws {
        _ = try made("real")
        #expect(unsafe symlink(folder.file("real"), folder.file("link")) == 0)
        #expect(unsafe mkdir(folder.file("folder"), 0o700) == 0)
        #expect(unsafe mkfifo(folder.file("pipe"), 0o600) == 0)
        for (file, reason) in [
            ("link", "is a symbolic link"), ("folder", "is not a regular file"), ("pipe", "is not a regular file"),
            ("absent", "does not exist"),
        ] {
            let error = try #require(await wrapper(file).wrapFailure(share))
            #expect(error.cause == .file && error.reason.contains(reason), "\(file): \(error)")
        }
    }

    // MARK: Shares

    @Test(arguments: [1, 2, 32, 50, 4096]) func `what was wrapped is unwrapped`(count: Int) async throws {
        let share = Random.bytes(count)
        let wrapper = try made()
        let (first, second) = try await (wrapper.wrapped(share), wrapper.wrapped(share))
        #expect(first != second && first.count == count + 29)
        #expect(try await wrapper.unwrapped(first) == share)
        #expect(try await wrapper.unwrapped(second) == share)
    }

    /// The vector of docs/formats.md, made with Python's `cryptography`.
    @Test func `the format is the documented one`() async throws {
        let key: [UInt8] = Array(0..<32)
        let wrapper = try written(Hex.encode(key, prefix: false))
        let context = WrappingContext(
            chamber: Bytes<16>(copying: Array(0x10..<0x20).span),
            generation: 7,
            share: 2
        )
        let wrapped = try Hex.decode(
            "01a0a1a2a3a4a5a6a7a8a9aaab6256431f168de84b3161a65d5e2cadeadc3b123a2ce06e49aae9d194f605b3aaf50f996f25baace0f5a953dce2ae287a"
        )
        #expect(try await wrapper.unwrapped(wrapped, context) == Array(0x40..<0x60))
    }

    @Test(arguments: Wrapping.otherContexts)
    func `a share is unwrapped in its place only`(context: WrappingContext) async throws {
        let wrapper = try made()
        let wrapped = try await wrapper.wrapped(share)
        let error = try #require(await wrapper.unwrapFailure(wrapped, context, of: share))
        #expect(error.cause == .notAuthentic && !error.isTransient)
    }

    @Test func `the key of another file unwraps nothing`() async throws {
        let wrapped = try await made("a").wrapped(share)
        #expect(try await made("b").unwrapFailure(wrapped, of: share)?.cause == .notAuthentic)
    }

    @Test func `no bit of a wrapped share can be another`() async throws {
        let wrapper = try made()
        let wrapped = try await wrapper.wrapped(share)
        for place in wrapped.indices {
            for bit in 0..<8 {
                var changed = wrapped
                changed[place] ^= 1 << UInt8(bit)
                #expect(
                    await wrapper.unwrapFailure(changed, of: share)?.cause == .notAuthentic,
                    "bit \(bit) of \(place)"
                )
            }
        }
    }

    @Test func `what is cut off or has something behind it is refused`() async throws {
        let wrapper = try made()
        let wrapped = try await wrapper.wrapped(share)
        for count in wrapped.indices {
            #expect(await wrapper.unwrapFailure(Array(wrapped.prefix(count)))?.cause == .notAuthentic)
        }
        #expect(await wrapper.unwrapFailure(wrapped + [0])?.cause == .notAuthentic)
        #expect(await wrapper.unwrapFailure(Random.bytes(10_000))?.cause == .notAuthentic)
    }

    @Test func `nobody but the caller gets an answer`() async throws {
        let wrapper = try made()
        let wrapped = try await wrapper.wrapped(share)
        let error = await wrapper.unwrapFailure(wrapped, of: share, recipient: AttestedRecipient(document: [1]))
        #expect(error?.cause == .recipient && error?.isTransient == false)
    }

    @Test func `the file is read for each use, and what it holds is not kept`() async throws {
        let wrapper = try made()
        let wrapped = try await wrapper.wrapped(share)
        let text = try folder.contents("key")
        try FileManager.default.removeItem(atPath: folder.file("key"))
        #expect(await wrapper.unwrapFailure(wrapped, of: share)?.cause == .file)
        _ = try written(String(decoding: text, as: UTF8.self))
        #expect(try await wrapper.unwrapped(wrapped) == share)
    }
}
