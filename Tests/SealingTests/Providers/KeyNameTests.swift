// SPDX-License-Identifier: Apache-2.0
import Sealing
import Testing

@Suite struct KeyNameTests {
    private static let uuid = "1234abcd-12ab-34cd-56ef-1234567890ab"

    private func failure(_ text: String) -> WrappingError? {
        do throws(WrappingError) {
            _ = try KeyName(text)
            return nil
        } catch { return error }
    }

    @Test(arguments: [
        ("aws", "eu-central-1", "key/\(uuid)"), ("aws", "ap-southeast-12", "key/\(uuid)"),
        ("aws-cn", "cn-northwest-1", "key/\(uuid)"), ("aws-us-gov", "us-gov-west-1", "key/\(uuid)"),
        ("aws", "us-east-1", "key/mrk-1234abcd12ab34cd56ef1234567890ab"),
    ])
    func `an ARN says where a key is, whose, and which`(partition: String, region: String, key: String) throws {
        let text = "arn:\(partition):kms:\(region):111122223333:\(key)"
        let name = try KeyName(text)
        guard case .awsKMS(let found) = name.holder else { throw Unexpected() }
        #expect(found.partition == partition && found.region == region && found.account == "111122223333")
        #expect("key/\(found.identifier)" == key && found.arn == text)
        #expect(name.text == text && "\(name)" == text && !name.isLocal)
    }

    @Test(arguments: [
        "arn:aws:kms:eu-central-1:111122223333:\(uuid)", "arn:aws:kms:eu-central-1:111122223333:key/",
        "arn:aws:kms:eu-central-1:111122223333:key/\(uuid)0", "arn:aws:kms:eu-central-1:111122223333:key/\(uuid):x",
        "arn:aws:kms:eu-central-1:111122223333:key/\(uuid.uppercased())",
        "arn:aws:kms:eu-central-1:111122223333:key/mrk-\(uuid)", "arn:aws:kms:eu-central-1:111122223333:key/mrk-",
        "arn:aws:kms:eu-central-1:111122223333:key/MRK-1234abcd12ab34cd56ef1234567890ab",
        "arn:aws:kms:eu-central-1:11112222333:key/\(uuid)", "arn:aws:kms:eu-central-1:1111222233334:key/\(uuid)",
        "arn:aws:kms:eu-central-1:11112222333x:key/\(uuid)", "arn:aws:kms:eu-central-1::key/\(uuid)",
        "arn:aws:kms::111122223333:key/\(uuid)", "arn:aws:kms:eu-central:111122223333:key/\(uuid)",
        "arn:aws:kms:EU-CENTRAL-1:111122223333:key/\(uuid)", "arn:aws:kms:eu--1:111122223333:key/\(uuid)",
        "arn:aws:kms:eu-central-1.evil.example:111122223333:key/\(uuid)",
        "arn:aws:kms:cn-north-1:111122223333:key/\(uuid)", "arn:aws-cn:kms:eu-central-1:111122223333:key/\(uuid)",
        "arn:aws:kms:us-gov-west-1:111122223333:key/\(uuid)",
        "arn:aws-us-gov:kms:us-west-1:111122223333:key/\(uuid)",
        "arn:aws-iso:kms:us-iso-east-1:111122223333:key/\(uuid)", "arn:aws:s3:eu-central-1:111122223333:key/\(uuid)",
        "arn:", "arn:aws:kms", uuid, "", "key/\(uuid)", " arn:aws:kms:eu-central-1:111122223333:key/\(uuid)",
        "arn:aws:kms:eu-central-1:111122223333:key/\(uuid) ", "ARN:aws:kms:eu-central-1:111122223333:key/\(uuid)",
        "gcp:projects/x", "alias/signer",
    ])
    func `what is no ARN of a key`(text: String) throws {
        let error = try #require(failure(text))
        #expect(error.cause == .name && error.key == text && !error.isTransient)
        #expect("\(error)".contains("this is not the name of a key (\(text))"))
    }

    @Test func `an alias is refused, and why`() throws {
        let error = try #require(failure("arn:aws:kms:eu-central-1:111122223333:alias/signer"))
        #expect("\(error)".contains("can be pointed at another key later"))
    }

    @Test(arguments: ["/k", "/var/lib/chamber/key 1.hex", "/a/b..c/.d"]) func `a local key is a path`(
        path: String
    ) throws {
        let name = try KeyName("local:\(path)")
        #expect(name.holder == .local(path: path) && name.isLocal && name.text == "local:\(path)")
    }

    @Test(arguments: [
        "", "key", "./key", "~/key", "/", "/a//b", "/a/", "//a", "/a/./b", "/a/../b", "/a/..", "/a\nb", "/a\u{0}b",
        "/ä",
        "/\u{7f}", "/\(String(repeating: "x", count: 4096))",
    ])
    func `what is no path of a local key, or one of several`(path: String) throws {
        #expect(try #require(failure("local:\(path)")).cause == .name)
    }

    @Test func `a name cannot forge a line of a log`() throws {
        let error = try #require(
            failure("local:/a\n{\"level\":\"error\"}\u{1b}[2J\(String(repeating: "x", count: 9999))")
        )
        #expect("\(error)".unicodeScalars.allSatisfy { (0x20..<0x7f).contains($0.value) } && error.key.count == 200)
    }

    private struct Unexpected: Error {}
}
