// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Foundation

/// `operator auth certificates …`.
extension OperatorCommands {
    private struct CertificateDocument: Decodable {
        let name: String
        let policies: [String]
        let fingerprint: String?
        let ca_fingerprint: String?
        let san: String?

        var line: String {
            let subject = fingerprint.map { "fingerprint \($0)" } ?? "\(san ?? "") of \(ca_fingerprint ?? "")"
            return "\(name)  [\(policies.joined(separator: ", "))]  \(subject)"
        }
    }
    private struct CertificateListDocument: Decodable {
        let certificates: [CertificateDocument]
        let refused: [RefusedRowDocument]?
    }

    private static let certificates = "/api/v1/auth/certificates"

    static func listCertificates(_ invocation: Invocation) throws(Failure) {
        let answer = try SignerConnection(invocation).send("GET", certificates)
        if invocation.isSet("json") { return Output.print(String(decoding: answer, as: UTF8.self)) }
        let document = try decode(CertificateListDocument.self, answer)
        complain(of: document.refused, "certificate")
        let list = document.certificates
        for certificate in list { Output.print(certificate.line) }
        if list.isEmpty { Output.complain("no certificate is bound") }
    }

    static func showCertificate(_ invocation: Invocation) throws(Failure) {
        let path = try certificates + "/" + segment(invocation.positionals[0])
        try print(SignerConnection(invocation).send("GET", path), invocation)
    }

    static func createCertificate(_ invocation: Invocation) throws(Failure) {
        struct Body: Encodable {
            let name: String
            let policies: [String]
            let fingerprint: String?
            let ca_fingerprint: String?
            let san: String?
        }
        let body = Body(
            name: invocation["name"] ?? "",
            policies: invocation.values(of: "policy"),
            fingerprint: invocation["fingerprint"],
            ca_fingerprint: invocation["ca-fingerprint"],
            san: invocation["san"]
        )
        let text: [UInt8]
        do { text = Array(try JSONEncoder().encode(body)) } catch { throw Failure("\(error)") }
        try print(SignerConnection(invocation).send("POST", certificates, body: text), invocation)
    }

    static func deleteCertificate(_ invocation: Invocation) throws(Failure) {
        let path = try certificates + "/" + segment(invocation.positionals[0])
        _ = try SignerConnection(invocation).send("DELETE", path)
        Output.print("deleted certificate \(invocation.positionals[0])")
    }

    private static func print(_ answer: [UInt8], _ invocation: Invocation) throws(Failure) {
        if invocation.isSet("json") { return Output.print(String(decoding: answer, as: UTF8.self)) }
        Output.print(try decode(CertificateDocument.self, answer).line)
    }
}
