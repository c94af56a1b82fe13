// SPDX-License-Identifier: Apache-2.0

/// Keeps web pages of elsewhere, in the browser of somebody who reaches the signer, from asking it for anything but to look.
///
/// A browser sends a POST of plain text to any address without asking first, and only then keeps its answer from the page:
/// too late where nobody has to show a token. But it says that a page sent it, in fields that no page can write (Fetch
/// Metadata §2.1 `Sec-Fetch-Site`; Fetch §3.2 `Origin`, where the former is not sent, as over plain HTTP to another machine).
/// Clients that are no browser send neither.
enum CrossSite {
    static func refusal(of head: RequestHead) -> Refusal? {
        if ["GET", "HEAD"].contains(where: { head.methodBytes.elementsEqual($0.utf8) }) { return nil }
        var (sites, origins): ([ArraySlice<UInt8>], [ArraySlice<UInt8>]) = ([], [])
        head.forEachField { name, value in
            if ASCII.areEqualIgnoringCase(name, "sec-fetch-site".utf8) { sites.append(value) }
            if ASCII.areEqualIgnoringCase(name, "origin".utf8) { origins.append(value) }
            return true
        }
        let isOwn =
            sites.isEmpty
            ? origins.allSatisfy { isOrigin($0, of: head) }
            : sites.allSatisfy { $0.elementsEqual("same-origin".utf8) || $0.elementsEqual("none".utf8) }
        return isOwn ? nil : .crossSite
    }

    /// Whether an origin (RFC 6454 §6.2) is the host and port that the request itself names. The scheme may be either: a
    /// proxy in front may speak another than we do.
    private static func isOrigin(_ origin: ArraySlice<UInt8>, of head: RequestHead) -> Bool {
        guard let host = head.field("Host") else { return false }
        return [("http://", ":80"), ("https://", ":443")].contains { scheme, port in
            let start = origin.prefix(scheme.utf8.count)
            guard ASCII.areEqualIgnoringCase(start, scheme.utf8) else { return false }
            return ASCII.areEqualIgnoringCase(without(port, origin[start.endIndex...]), without(port, host))
        }
    }

    /// A browser leaves out the port that a scheme has anyway.
    private static func without(_ port: String, _ host: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        host.suffix(port.utf8.count).elementsEqual(port.utf8) ? host.dropLast(port.utf8.count) : host
    }
}
