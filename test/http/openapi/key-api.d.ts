export interface paths {
    "/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            tenant: string;
                        };
                    };
                };
                /** @description The API key is missing, invalid or expired */
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /**
                             * @description Id of the request, to quote in support
                             * @example req_1234567890
                             */
                            request_id: string;
                            error: {
                                /**
                                 * @description Stable, for programs
                                 * @example AUTH_INVALID_KEY
                                 */
                                code: string;
                                /**
                                 * @description For people
                                 * @example The provided API key is invalid or expired
                                 */
                                message: string;
                            };
                        };
                    };
                };
                /** @description The API key does not have the scope that this takes, or its tenant is suspended. Takes: usage:read */
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /**
                             * @description Id of the request, to quote in support
                             * @example req_1234567890
                             */
                            request_id: string;
                            error: {
                                /**
                                 * @description Stable, for programs
                                 * @example AUTH_INVALID_KEY
                                 */
                                code: string;
                                /**
                                 * @description For people
                                 * @example The provided API key is invalid or expired
                                 */
                                message: string;
                            };
                        };
                    };
                };
                /** @description The API key cannot be verified at the moment */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /**
                             * @description Id of the request, to quote in support
                             * @example req_1234567890
                             */
                            request_id: string;
                            error: {
                                /**
                                 * @description Stable, for programs
                                 * @example AUTH_INVALID_KEY
                                 */
                                code: string;
                                /**
                                 * @description For people
                                 * @example The provided API key is invalid or expired
                                 */
                                message: string;
                            };
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/console/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the tenant's keys, newest first, revoked and expired ones included */
        get: operations["listKeys"];
        put?: never;
        /** Creates a key. The answer is the only one that ever holds it */
        post: operations["createKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/console/keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows a key */
        get: operations["getKey"];
        put?: never;
        post?: never;
        /** Revokes a key for ever. Answers when no instance accepts it any more */
        delete: operations["revokeKey"];
        options?: never;
        head?: never;
        /** Changes name, scopes or expiry. Answers when every instance goes by it */
        patch: operations["updateKey"];
        trace?: never;
    };
    "/console/keys/{id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Creates a key that takes over from this one, which stays valid, or ends after a grace */
        post: operations["rotateKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: never;
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listKeys: {
        parameters: {
            query?: {
                /** @description a whole number from 1 to 100 */
                limit?: number;
                /** @description the nextCursor of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of keys */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        keys: {
                            id: string;
                            name: string;
                            environment: string;
                            /** @description The key's first characters, for telling keys apart */
                            start: string;
                            /** @description The key's last four characters */
                            last4: string;
                            scopes: string[];
                            status: "active" | "expired" | "revoked";
                            /**
                             * Format: date-time
                             * @description When it was made
                             */
                            createdAt: string;
                            /** @description Id of the user who made it */
                            createdBy: string | null;
                            /** @description The moment from which it is refused */
                            expiresAt: string | null;
                            /** @description The moment of its revocation, which is for ever */
                            revokedAt: string | null;
                            /** @description When it was last used, kept to about a minute */
                            lastUsedAt: string | null;
                        }[];
                        /** @description For the next page; null on the last one */
                        nextCursor: string | null;
                        /** @description Whether the signed-in user may create, change and revoke keys */
                        canWrite: boolean;
                    };
                };
            };
            /** @description The request is not acceptable; the message says what is */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The session token is missing, invalid or expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description No organization is active, or the user does not have the role that this takes */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The key store or the session verification is unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
        };
    };
    createKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description one value of 1 to 200 visible ASCII characters. A repeated request answers 409 and names the key that the first one made */
                "idempotency-key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description a text of 1 to 100 characters */
                    name: string;
                    /**
                     * @description the name of one of the environments that the service offers
                     * @example live
                     * @example test
                     */
                    environment: string;
                    /** @description a list of at most 100 different scopes */
                    scopes?: string[];
                    /** @description an RFC 3339 date and time in the future, or null for a key that does not expire */
                    expiresAt?: string | null;
                };
            };
        };
        responses: {
            /** @description The new key */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description The full key. This answer is the only one that ever holds it */
                        key: string;
                        /**
                         * KeyDetails
                         * @description What may be shown of a key
                         */
                        details: {
                            id: string;
                            name: string;
                            environment: string;
                            /** @description The key's first characters, for telling keys apart */
                            start: string;
                            /** @description The key's last four characters */
                            last4: string;
                            scopes: string[];
                            status: "active" | "expired" | "revoked";
                            /**
                             * Format: date-time
                             * @description When it was made
                             */
                            createdAt: string;
                            /** @description Id of the user who made it */
                            createdBy: string | null;
                            /** @description The moment from which it is refused */
                            expiresAt: string | null;
                            /** @description The moment of its revocation, which is for ever */
                            revokedAt: string | null;
                            /** @description When it was last used, kept to about a minute */
                            lastUsedAt: string | null;
                        };
                    };
                };
            };
            /** @description The request is not acceptable; the message says what is */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The session token is missing, invalid or expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description No organization is active, or the user does not have the role that this takes */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The organization is no tenant */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The Idempotency-Key was used before; the message names the key that it has made */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The body is not JSON */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The key store or the session verification is unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
        };
    };
    getKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the id of a key */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What may be shown of a key */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        id: string;
                        name: string;
                        environment: string;
                        /** @description The key's first characters, for telling keys apart */
                        start: string;
                        /** @description The key's last four characters */
                        last4: string;
                        scopes: string[];
                        status: "active" | "expired" | "revoked";
                        /**
                         * Format: date-time
                         * @description When it was made
                         */
                        createdAt: string;
                        /** @description Id of the user who made it */
                        createdBy: string | null;
                        /** @description The moment from which it is refused */
                        expiresAt: string | null;
                        /** @description The moment of its revocation, which is for ever */
                        revokedAt: string | null;
                        /** @description When it was last used, kept to about a minute */
                        lastUsedAt: string | null;
                    };
                };
            };
            /** @description The request is not acceptable; the message says what is */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The session token is missing, invalid or expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description No organization is active, or the user does not have the role that this takes */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description No such key */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The key store or the session verification is unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
        };
    };
    revokeKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the id of a key */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The key as it is now, and how far the change has reached */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * KeyDetails
                         * @description What may be shown of a key
                         */
                        details: {
                            id: string;
                            name: string;
                            environment: string;
                            /** @description The key's first characters, for telling keys apart */
                            start: string;
                            /** @description The key's last four characters */
                            last4: string;
                            scopes: string[];
                            status: "active" | "expired" | "revoked";
                            /**
                             * Format: date-time
                             * @description When it was made
                             */
                            createdAt: string;
                            /** @description Id of the user who made it */
                            createdBy: string | null;
                            /** @description The moment from which it is refused */
                            expiresAt: string | null;
                            /** @description The moment of its revocation, which is for ever */
                            revokedAt: string | null;
                            /** @description When it was last used, kept to about a minute */
                            lastUsedAt: string | null;
                        };
                        /** @description The store's count of changes, at this one */
                        epoch: number;
                        /** @description `all`: every instance has acknowledged the change. `lease`: some have not, and may serve no more without asking the store. `none`: the store cannot tell, caches end by their time to live */
                        confirmedBy: "all" | "lease" | "none";
                        /** @description How many instances had to see the change */
                        instances: number;
                        /** @description Milliseconds from the commit to this answer */
                        waitedMs: number;
                    };
                };
            };
            /** @description The request is not acceptable; the message says what is */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The session token is missing, invalid or expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description No organization is active, or the user does not have the role that this takes */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description No such key */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The key store or the session verification is unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
        };
    };
    updateKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the id of a key */
                id: string;
            };
            cookie?: never;
        };
        /** @description an object with what is to change */
        requestBody: {
            content: {
                "application/json": {
                    /** @description a text of 1 to 100 characters */
                    name?: string;
                    /** @description a list of at most 100 different scopes */
                    scopes?: string[];
                    /** @description an RFC 3339 date and time in the future, or null for a key that does not expire */
                    expiresAt?: string | null;
                };
            };
        };
        responses: {
            /** @description The key as it is now, and how far the change has reached */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * KeyDetails
                         * @description What may be shown of a key
                         */
                        details: {
                            id: string;
                            name: string;
                            environment: string;
                            /** @description The key's first characters, for telling keys apart */
                            start: string;
                            /** @description The key's last four characters */
                            last4: string;
                            scopes: string[];
                            status: "active" | "expired" | "revoked";
                            /**
                             * Format: date-time
                             * @description When it was made
                             */
                            createdAt: string;
                            /** @description Id of the user who made it */
                            createdBy: string | null;
                            /** @description The moment from which it is refused */
                            expiresAt: string | null;
                            /** @description The moment of its revocation, which is for ever */
                            revokedAt: string | null;
                            /** @description When it was last used, kept to about a minute */
                            lastUsedAt: string | null;
                        };
                        /** @description The store's count of changes, at this one */
                        epoch: number;
                        /** @description `all`: every instance has acknowledged the change. `lease`: some have not, and may serve no more without asking the store. `none`: the store cannot tell, caches end by their time to live */
                        confirmedBy: "all" | "lease" | "none";
                        /** @description How many instances had to see the change */
                        instances: number;
                        /** @description Milliseconds from the commit to this answer */
                        waitedMs: number;
                    };
                };
            };
            /** @description The request is not acceptable; the message says what is */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The session token is missing, invalid or expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description No organization is active, or the user does not have the role that this takes */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description No such key */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The key is revoked, which is for ever */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The body is not JSON */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The key store or the session verification is unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
        };
    };
    rotateKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description one value of 1 to 200 visible ASCII characters. A repeated request answers 409 and names the key that the first one made */
                "idempotency-key"?: string;
            };
            path: {
                /** @description the id of a key */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description a whole number of seconds up to a year, after which the old key ends (without it, it stays valid until revoked) */
                    graceSeconds?: number;
                    /** @description an RFC 3339 date and time in the future, or null for a key that does not expire */
                    expiresAt?: string | null;
                };
            };
        };
        responses: {
            /** @description The new key, the old one as it is now, and how far that has reached */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description The full key. This answer is the only one that ever holds it */
                        key: string;
                        /**
                         * KeyDetails
                         * @description What may be shown of a key
                         */
                        details: {
                            id: string;
                            name: string;
                            environment: string;
                            /** @description The key's first characters, for telling keys apart */
                            start: string;
                            /** @description The key's last four characters */
                            last4: string;
                            scopes: string[];
                            status: "active" | "expired" | "revoked";
                            /**
                             * Format: date-time
                             * @description When it was made
                             */
                            createdAt: string;
                            /** @description Id of the user who made it */
                            createdBy: string | null;
                            /** @description The moment from which it is refused */
                            expiresAt: string | null;
                            /** @description The moment of its revocation, which is for ever */
                            revokedAt: string | null;
                            /** @description When it was last used, kept to about a minute */
                            lastUsedAt: string | null;
                        };
                        /**
                         * KeyDetails
                         * @description What may be shown of a key
                         */
                        retired: {
                            id: string;
                            name: string;
                            environment: string;
                            /** @description The key's first characters, for telling keys apart */
                            start: string;
                            /** @description The key's last four characters */
                            last4: string;
                            scopes: string[];
                            status: "active" | "expired" | "revoked";
                            /**
                             * Format: date-time
                             * @description When it was made
                             */
                            createdAt: string;
                            /** @description Id of the user who made it */
                            createdBy: string | null;
                            /** @description The moment from which it is refused */
                            expiresAt: string | null;
                            /** @description The moment of its revocation, which is for ever */
                            revokedAt: string | null;
                            /** @description When it was last used, kept to about a minute */
                            lastUsedAt: string | null;
                        };
                        /** @description The store's count of changes, at this one */
                        epoch: number;
                        /** @description `all`: every instance has acknowledged the change. `lease`: some have not, and may serve no more without asking the store. `none`: the store cannot tell, caches end by their time to live */
                        confirmedBy: "all" | "lease" | "none";
                        /** @description How many instances had to see the change */
                        instances: number;
                        /** @description Milliseconds from the commit to this answer */
                        waitedMs: number;
                    };
                };
            };
            /** @description The request is not acceptable; the message says what is */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The session token is missing, invalid or expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description No organization is active, or the user does not have the role that this takes */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description No such key */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The key is revoked, or the Idempotency-Key was used before */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The body is not JSON */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
            /** @description The key store or the session verification is unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description Id of the request, to quote in support
                         * @example req_1234567890
                         */
                        request_id: string;
                        error: {
                            /**
                             * @description Stable, for programs
                             * @example AUTH_INVALID_KEY
                             */
                            code: string;
                            /**
                             * @description For people
                             * @example The provided API key is invalid or expired
                             */
                            message: string;
                        };
                    };
                };
            };
        };
    };
}
