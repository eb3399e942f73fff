// What a connection to port 443 is (nginx's njs, stream): TLS, which others look at, or the first frame of ICE-TCP (RFC 4571, with a
// STUN binding request, RFC 8489, in it), whose user name tells the node: "UFRAG+NODE:THEIRS" (live/ice.py).

const TLS_HANDSHAKE = 0x16;
const MOST = 1024; // octets of a check; they are some 100 long

let name = "";

function listen(s) {
    s.on("upstream", function (data, flags) {
        if (data.length && data[0] === TLS_HANDSHAKE) {
            s.decline();
            return;
        }
        if (data.length < 2) return;
        const length = data.readUInt16BE(0);
        if (length < 20 || length > MOST || (data.length >= 4 && data.readUInt16BE(2) !== 1)) {
            s.deny();
            return;
        }
        if (data.length < 2 + length) return;
        name = node_of(user_name(data.slice(2, 2 + length)));
        s.decline();
    });
}

function user_name(request) {
    let position = 20;
    while (position + 4 <= request.length) {
        const length = request.readUInt16BE(position + 2);
        if (request.readUInt16BE(position) === 6) return request.toString("utf8", position + 4, position + 4 + length);
        position += 4 + length + ((4 - (length % 4)) % 4);
    }
    return "";
}

function node_of(user) {
    return user.split(":")[0].split("+")[1] || "";
}

function node(s) {
    return name;
}

export default { listen, node };
