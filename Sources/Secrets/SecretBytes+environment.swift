// SPDX-License-Identifier: Apache-2.0
internal import Glibc

extension SecretBytes {
    /// The value of an environment variable, copied from where the kernel put it and nowhere else; nil where there is none.
    /// The environment itself stays readable for this process and its owner until the process ends.
    package init?(environment name: String) {
        guard let value = unsafe getenv(name) else { return nil }
        let bytes = unsafe UnsafeRawBufferPointer(start: value, count: strlen(value))
        self.init(copying: unsafe bytes.bytes)
    }
}
