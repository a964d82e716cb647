# Debian's ruby-cose as the stranger that verifies a show code: Base45 by hand, then COSE_Sign1.
# stdin: {"text": "OF1:…", "pem": "…"}; stdout: {"payload": {…}}; exit 1 if the signature does not hold.
require "cose"
require "json"
require "openssl"

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:".freeze

def base45(text)
  text.chars.each_slice(3).flat_map do |group|
    value = group.each_with_index.sum { |c, i| ALPHABET.index(c) * 45**i }
    group.size == 3 ? value.divmod(256) : [value]
  end.pack("C*")
end

job = JSON.parse($stdin.read)
key = OpenSSL::PKey.read(job["pem"])
def key.kid = nil

message = COSE::Sign1.deserialize(base45(job["text"].delete_prefix("OF1:")))
begin
  message.verify(key)
rescue COSE::Error => e
  $stderr.puts e.message
  exit 1
end
payload = CBOR.decode(message.payload)
puts JSON.generate({ alg: message.algorithm.name, session: payload[1].unpack1("H*"), counter: payload[2],
                     exp: payload[4], iat: payload[6], log: payload[7].unpack1("H*") })
