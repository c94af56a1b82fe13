// SPDX-License-Identifier: Apache-2.0
import AWS
import Foundation
import Glibc
import Sealing
import Secrets
import TestSupport
import Testing

/// Keys of moto's KMS.
@Suite(.enabled(if: MotoServer.isPresent), .timeLimit(.minutes(5))) struct AWSKMSTests {
    private let share = Random.bytes(50)

    @Test(arguments: [1, 2, 3, 50, 4096]) func `what was wrapped is unwrapped`(count: Int) async throws {
        let share = Random.bytes(count)
        let wrapper = try await TestKey().wrapper()
        let (first, second) = try await (wrapper.wrapped(share), wrapper.wrapped(share))
        #expect(first != second)
        #expect(try await wrapper.unwrapped(first) == share)
        #expect(try await wrapper.unwrapped(second) == share)
    }

    @Test(arguments: Wrapping.otherContexts)
    func `a share is unwrapped in its place only`(context: WrappingContext) async throws {
        let key = try await TestKey()
        let wrapper = try await key.wrapper()
        let wrapped = try await wrapper.wrapped(share)
        let error = try #require(await wrapper.unwrapFailure(wrapped, context, of: share))
        #expect(error.cause == .notAuthentic && !error.isTransient)
        #expect(error.reason.hasPrefix("KMS Decrypt failed: InvalidCiphertextException (\(key.arn)): kms at http"))
        #expect(error.reason.contains("tampered with or moved"))
    }

    @Test func `another key of the same account unwraps nothing, though the service could`() async throws {
        let (key, other) = try await (TestKey(), TestKey())
        let wrapped = try await key.wrapper().wrapped(share)
        let error = try #require(await other.wrapper().unwrapFailure(wrapped, of: share))
        #expect(error.cause == .notAuthentic && error.key == other.arn)
        #expect(error.reason.hasPrefix("KMS Decrypt failed: IncorrectKeyException (\(other.arn))"))
    }

    @Test func `a share does not move to a key of another account or region`() async throws {
        let key = try await TestKey()
        let wrapped = try await key.wrapper().wrapped(share)
        for (region, account) in [("eu-central-1", "111122223333"), ("us-east-1", "123456789012")] {
            let other = try await TestKey(region: region, account: account)
            let error = try #require(await other.wrapper(account: account).unwrapFailure(wrapped, of: share))
            #expect(error.cause == .denied && error.key == other.arn)
        }
    }

    @Test func `what no key has made is told apart from what may not be`() async throws {
        let wrapper = try await TestKey().wrapper()
        for ciphertext in [[1], Random.bytes(40), Random.bytes(200), Random.bytes(6144)] {
            let error = try #require(await wrapper.unwrapFailure(ciphertext))
            #expect(error.cause == .notAuthentic && error.reason.contains("InvalidCiphertextException"))
        }
        // KMS would call these malformed requests.
        for ciphertext in [[], Random.bytes(6145)] {
            #expect(await wrapper.unwrapFailure(ciphertext)?.cause == .notAuthentic)
        }
    }

    @Test func `no byte of a wrapped share can be another`() async throws {
        let wrapper = try await TestKey().wrapper()
        let wrapped = try await wrapper.wrapped(share)
        for place in wrapped.indices {
            var changed = wrapped
            changed[place] ^= 1 << UInt8.random(in: 0..<8)
            let error = await wrapper.unwrapFailure(changed, of: share)
            #expect(error?.cause == .notAuthentic, "byte \(place): \(String(describing: error))")
        }
    }

    @Test(arguments: [
        ("deny", WrappingError.Cause.denied, "AccessDeniedException", "the policy of the key both have to allow"),
        ("disable", .disabled, "DisabledException", "enable the key"),
        ("delete", .disabled, "KMSInvalidStateException", "is pending deletion."),
        ("throttle", .throttled, "throttled", "ThrottlingException"),
        ("fail", .failing, "no usable answer", "KMSInternalException"),
        ("cut", .failing, "no usable answer", "whether it did it is not known"),
    ])
    func `a key that goes wrong is named with what to do, and works again`(
        trouble: String,
        cause: WrappingError.Cause,
        title: String,
        words: String
    ) async throws {
        let (key, sound) = try await (TestKey(), TestKey())
        let wrapper = try await key.wrapper()
        let wrapped = try await wrapper.wrapped(share)
        try await key.trouble(trouble)
        let unwrapping = try #require(await wrapper.unwrapFailure(wrapped, of: share))
        let wrapping = try #require(await wrapper.wrapFailure(share))
        for (error, operation) in [(unwrapping, "Decrypt"), (wrapping, "Encrypt")] {
            #expect(error.cause == cause && error.key == key.arn)
            #expect(error.reason.hasPrefix("KMS \(operation) failed: \(title) (\(key.arn)): "), "\(error)")
            #expect(error.reason.contains(words) && error.reason.contains("region eu-central-1"), "\(error)")
            #expect(error.isTransient == ["throttle", "fail", "cut"].contains(trouble))
        }
        #expect(try await sound.wrapper().wrapped(share).isEmpty == false)
        try await key.trouble("mend")
        #expect(try await wrapper.unwrapped(wrapped) == share)
    }

    @Test func `a key that does not exist is missing`() async throws {
        let name = try KeyName("arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab")
        let settings = KeyWrapperSettings(
            endpoints: ["eu-central-1": try await MotoServer.shared.endpoint],
            credentials: TestKey.credentials("123456789012")
        )
        let wrapper = try KeyWrappers(settings, runtime: TestKey.runtime.get()).wrapper(for: name)
        let error = try #require(await wrapper.wrapFailure(share))
        #expect(error.cause == .missing && error.reason.contains("NotFoundException (\(name))"))
    }

    @Test func `an answer for a recipient is not asked for as one for us`() async throws {
        let wrapper = try await TestKey().wrapper()
        let wrapped = try await wrapper.wrapped(share)
        let error = await wrapper.unwrapFailure(wrapped, of: share, recipient: AttestedRecipient(document: [1]))
        #expect(error?.cause == .recipient)
    }

    /// The environment belongs to a whole process, so this runs in one of its own.
    @Test func `three keys in three accounts and regions, each with its profile`() async throws {
        let folder = try TemporaryFolder()
        let places = [("eu-central-1", "111111111111"), ("us-east-1", "222222222222"), ("eu-west-1", "333333333333")]
        var file = "[default]\nregion = ap-south-1\n"
        var arns: [String] = []
        for (region, account) in places {
            file += "[profile holder-\(account)]\naws_access_key_id = \(TestKey.accessKey(account))\n"
            file += "aws_secret_access_key = x\n"
            arns.append(try await TestKey(region: region, account: account).arn)
        }
        try folder.write(Data(file.utf8), to: "config")
        await #expect(processExitsWith: .success) {
            [
                endpoint = try await MotoServer.shared.endpoint as String, path = folder.file("config") as String,
                arns = arns as [String]
            ] in
            unsafe setenv("AWS_CONFIG_FILE", path, 1)
            unsafe setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1)
            // Somebody else, whom the chain would take first.
            unsafe setenv("AWS_ACCESS_KEY_ID", "AKIA0000444444444444", 1)
            unsafe setenv("AWS_SECRET_ACCESS_KEY", "x", 1)
            let accounts = ["111111111111", "222222222222", "333333333333"]
            let profiles = Dictionary(uniqueKeysWithValues: accounts.map { ($0, "holder-\($0)") })
            let runtime = try TestKey.runtime.get()
            let wrappers = KeyWrappers(
                KeyWrapperSettings(endpoints: ["*": endpoint], profiles: profiles, timeout: .seconds(20)),
                runtime: runtime
            )
            for arn in arns {
                let share = Random.bytes(50)
                let wrapper = try wrappers.wrapper(for: KeyName(arn))
                let wrapped = try await wrapper.wrapped(share)
                let found = try await wrapper.unwrapped(wrapped)
                precondition(found == share)
            }
            // Without its profile a key is used as whom the chain says, for whom it does not exist.
            let alone = KeyWrappers(
                KeyWrapperSettings(endpoints: ["*": endpoint], timeout: .seconds(20)),
                runtime: runtime
            )
            let error = try await alone.wrapper(for: KeyName(arns[0])).wrapFailure(Random.bytes(50))
            precondition(error?.cause == .missing)
            // What was made for an account is kept.
            _ = unsafe unlink(path)
            _ = try await wrappers.wrapper(for: KeyName(arns[0])).wrapped([1])
            let fresh = KeyWrappers(KeyWrapperSettings(profiles: ["*": "holder-111111111111"]), runtime: runtime)
            let settings = #expect(throws: WrappingError.self) { try fresh.wrapper(for: KeyName(arns[0])) }
            precondition(settings?.cause == .settings)
            precondition(settings?.reason.contains("the profile 'holder-111111111111'") == true)
        }
    }

    /// What lies in the buffers of the HTTP library is base64; the share itself is nowhere but where it should be.
    @Test(.enabled(if: ProcessMemory().isPossible, "a sanitizer's memory is too large to go through"))
    func `a share is in secret memory alone, before and after`() async throws {
        let wrapper = try await TestKey().wrapper()
        let share = SecretBytes(random: 50)
        let wrapped = try await wrapper.wrap(share, context: Wrapping.context())
        let copies = try SecretTraces.count(share)
        #expect(copies == 0)
        do {
            let unwrapped = try await wrapper.unwrap(wrapped, context: Wrapping.context())
            let isSame = ConstantTime.areEqual(unwrapped.span, share.span)
            #expect(isSame)
            // That the search finds what is there.
            let found = try SecretTraces.count(share)
            #expect(found == 1)
        }
        let left = try SecretTraces.count(share)
        #expect(left == 0)
    }
}
